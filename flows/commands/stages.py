"""Commands about versions and their stages: models, promote, rollback, history, trace."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import console
from flows.commands.options import AsJson, ProblemName, Size, Version

if TYPE_CHECKING:
    from components.promotion import Promotion
    from flows.job import Job


def models(
    problem: Annotated[str | None, typer.Argument(help="One problem only.")] = None, as_json: AsJson = False
) -> None:
    """List versions with their stages and headline metrics."""
    from components.problems import NAMES, find_problem
    from components.promotion import open_ledger
    from components.registry import Registry
    from flows.job import open_workspace

    workspace = open_workspace()
    registry, ledger = Registry(workspace), open_ledger(workspace)
    registry.create()
    rows: list[dict[str, Any]] = []
    for name in [find_problem(problem).name] if problem else NAMES:
        stages = ledger.stages(name)
        if not stages:
            continue
        for info in registry.versions(name):
            rows.append(
                {
                    "problem": name,
                    "version": info.version,
                    "stage": stages.get(info.version),
                    "metrics": dict(info.metrics),
                    "created": info.created.isoformat(timespec="seconds"),
                    "tags": dict(info.tags),
                }
            )
    if as_json:
        console.print_json(rows)
        return
    if not rows:
        console.out.print("no versions yet: assay run galaxy-shape makes the first")
        return
    metrics = list(dict.fromkeys(metric for row in rows for metric in row["metrics"]))
    console.print_table(
        "registered versions",
        ("problem", "version", "stage", *(metric.replace(".", "\n") for metric in metrics), "created (UTC)"),
        [
            (
                row["problem"],
                str(row["version"]),
                row["stage"] or "–",
                *(f"{row['metrics'][metric]:.3g}" if metric in row["metrics"] else "–" for metric in metrics),
                row["created"][:16].replace("T", " "),
            )
            for row in rows
        ],
    )


def promote(
    problem: ProblemName,
    version: Version,
    to: Annotated[str, typer.Option("--to", help="staging or production.")],
    reason: Annotated[str, typer.Option(help="Why; the ledger keeps it.")],
    expect: Annotated[
        int | None, typer.Option(help="Refuse unless this version holds the stage now (default: whoever does).", min=1)
    ] = None,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Judge a version by the gates, package and prove it, and move it to a stage."""
    _move(problem, version, to, reason, expect, size, as_json)


def rollback(
    problem: ProblemName,
    reason: Annotated[str, typer.Option(help="Why; the ledger keeps it.")] = "rollback",
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Bring the version back that was in production before; its package is proved first."""
    from components.errors import RefusedError
    from components.promotion import whoami

    job, promotion = _open(problem, size)
    with job.alone():
        now = promotion.ledger.holder(problem, "production")
        before = [entry for entry in promotion.ledger.history(problem) if entry.to_stage == "production"]
        earlier = [entry.version for entry in before if entry.version != now]
        if now is None or not earlier:
            raise RefusedError(
                f"{problem} has no earlier production version to go back to: see `assay history {problem}`"
            )
        entry = promotion.restore(earlier[-1], actor=whoami(), reason=reason, expect=now)
    _say(problem, entry, as_json)


def history(problem: ProblemName, as_json: AsJson = False) -> None:
    """List every stage change: who, when, why."""
    import dataclasses

    from components.problems import find_problem
    from components.promotion import open_ledger
    from flows.job import open_workspace

    find_problem(problem)
    workspace = open_workspace()
    entries = open_ledger(workspace).history(problem)
    if as_json:
        console.print_json([dataclasses.asdict(entry) for entry in entries])
        return
    console.print_table(
        f"stage changes of {problem}",
        ("when (UTC)", "version", "change", "who", "why"),
        [
            (
                entry.at[:19].replace("T", " "),
                str(entry.version),
                f"{entry.from_stage or '–'} → {entry.to_stage}",
                entry.actor,
                entry.reason,
            )
            for entry in entries
        ],
    )


def trace(
    subject: Annotated[str, typer.Argument(help="A prediction's id, or a problem's name.")],
    version: Annotated[int | None, typer.Argument(help="The version, after a problem's name.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Show where a version or a prediction comes from: data, commit, parameters, run, package."""
    import dataclasses

    from components.errors import AssayError
    from components.problems import find_problem
    from components.promotion import open_ledger
    from components.registry import Registry
    from flows.job import open_workspace
    from models.saved import read_description

    parts = subject.split(".")
    if version is None:
        if len(parts) != 3 or not parts[1].isdecimal():
            raise AssayError(f"{subject!r} is no prediction id: give one, or a problem and a version")
        subject, version = parts[0], int(parts[1])
    problem = find_problem(subject).name
    workspace = open_workspace()
    registry = Registry(workspace)
    info = registry.version(problem, version)
    description = read_description(registry.model_folder(problem, version))
    document: dict[str, Any] = {
        "problem": problem,
        "version": version,
        "run": info.run_id,
        "tags": dict(info.tags),
        "network": {key: description["estimator"][key] for key in ("network", "width")},
        "inputs": description["inputs"],
        "stages": [
            dataclasses.asdict(entry) for entry in open_ledger(workspace).history(problem) if entry.version == version
        ],
    }
    if as_json:
        console.print_json(document)
        return
    settings = description["inputs"]["training"]["settings"]
    rows = [
        ("MLflow run", info.run_id),
        *sorted(info.tags.items()),
        *((f"train.{k}", str(v)) for k, v in settings.items()),
    ]
    rows += [(f"{e['to_stage']}", f"{e['at'][:19]} by {e['actor']}: {e['reason']}") for e in document["stages"]]
    console.print_table(f"{problem} version {version}", ("what", "value"), rows)


def _open(problem: str, size: str) -> "tuple[Job, Promotion]":
    from components.datasets import Dataset
    from components.promotion import Promotion
    from flows.job import Job

    job = Job.open(problem, size)
    dataset = Dataset.open(job.workspace.dataset(problem))
    return job, Promotion(job.workspace, job.problem, job.settings, dataset)


def _move(problem: str, version: int, to: str, reason: str, expect: int | None, size: str, as_json: bool) -> None:
    from components.promotion import whoami

    job, promotion = _open(problem, size)
    with job.alone():
        held = promotion.ledger.holder(problem, to) if expect is None else expect
        entry = promotion.promote(version, to, actor=whoami(), reason=reason, expect=held)
    _say(problem, entry, as_json)


def _say(problem: str, entry: Any, as_json: bool) -> None:
    import dataclasses

    if as_json:
        console.print_json(dataclasses.asdict(entry))
    else:
        before = f", which version {entry.previous_version} held" if entry.previous_version else ""
        console.out.print(f"{problem} version {entry.version} is in {entry.to_stage}{before}")
