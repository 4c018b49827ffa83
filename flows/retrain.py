"""The flow that retrains when a retraining is due: `assay retrain`, and what `assay schedule` starts."""

from typing import Any, cast

from prefect import flow, tags
from prefect.states import Completed

from components.core import RefusedError, place_tag
from components.ledger import whoami
from components.lifecycle import due
from flows import console
from flows.failures import noted, telling_failures
from flows.job import Job
from flows.main_job import run_main_job


@flow(name="retrain", flow_run_name="retraining of {problem}, {size}", validate_parameters=False, persist_result=False)
def retrain(problem: str, size: str = "demo", scheduled: bool = False) -> Any:
    """Run the main job when a retraining is due; otherwise end at once.

    A model that the gates refuse, because it is worse than production for instance, is an outcome here, not an
    error: production stays, and the refusal is returned. Whoever is to be told hears of what fails before the gates.

    Args:
        problem: its name.
        size: `demo`, or a key under `sizes` in params.yaml.
        scheduled: that no person asked for it; the ledger keeps that.

    Returns:
        `due`, `reasons` and `outcome`, in a state.
    """
    job, actor = Job.open(problem, size), f"schedule of {whoami()}" if scheduled else whoami()
    with telling_failures(job), noted("due"):
        found = due(job.workspace, job.problem, job.settings)
    reasons = list(found.reasons)
    if not reasons:
        return _ended(reasons, f"production stays: {found.why_not}")
    for reason in reasons:
        console.err.print(f"  {reason}")
    try:
        with telling_failures(job):
            outcome = f"version {run_main_job(job, actor)['version']} is in production"
    except RefusedError as refusal:
        outcome = f"production stays: {refusal}"
    return _ended(reasons, outcome)


def _ended(reasons: list[str], outcome: str) -> Any:
    return Completed(message=outcome, data={"due": bool(reasons), "reasons": reasons, "outcome": outcome})


def run_retrain(job: Job) -> dict[str, Any]:
    """The retraining under the tag of the state folder it works in; what it runs under the problem's lock has both."""
    with tags(place_tag(job.workspace)):
        return cast("dict[str, Any]", retrain(job.problem_name, job.size))  # Prefect unpacks the state
