"""Schedules: every problem's retraining as a Prefect deployment, with its cron expression from params.yaml.

    assay schedule

Runs may come late or twice: `retrain` compares hashes, and one run a problem goes on at a time.
"""

from typing import Any

from components.core import place_tag, variable
from components.problems import NAMES
from flows import console
from flows.job import Job


def serve_schedules(size: str) -> None:
    """Serve the deployments until the process is ended.

    Args:
        size: at which size scheduled runs work.
    """
    jobs = [Job.open(name, size) for name in NAMES]
    place = place_tag(jobs[0].workspace)
    # Of our own server alone a problem's name is enough. On another's, two houses would share a schedule of that name:
    # each run would go to either, and whoever ends first would pause both.
    suffix = f"-{place}" if variable("PREFECT_API_URL") else ""
    from flows.server import prefect_server

    with prefect_server(jobs[0].workspace) as url:
        import prefect

        from flows.retrain import retrain

        deployments: list[Any] = [
            retrain.to_deployment(
                name=f"{job.problem_name}{suffix}",
                cron=job.settings.schedule.cron,
                parameters={"problem": job.problem_name, "size": size, "scheduled": True},
                concurrency_limit=1,
                tags=[place],
                description=f"Retrain {job.problem_name} when its inputs have changed.",
            )
            for job in jobs
        ]
        for job in jobs:
            console.err.print(f"{job.problem_name}: looks at cron {job.settings.schedule.cron!r} (UTC)")
        console.err.print(f"dashboard {url.removesuffix('/api')}; Ctrl-C ends it")
        prefect.serve(*deployments, print_starting_message=False)
