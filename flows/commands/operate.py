"""Commands that keep things going: init, retrain, schedule, ui."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import console
from flows.commands.options import AsJson, ProblemName, Size

if TYPE_CHECKING:
    from components.core import Workspace


def init(as_json: AsJson = False) -> None:
    """Create every database once and check the libraries' versions; other commands do it when needed."""
    from components.lifecycle import check_same_house, check_versions, create_databases
    from components.registry import Registry
    from flows.job import open_workspace

    workspace = open_workspace()
    checked = check_versions()
    if workspace.is_cluster:
        _require_cluster(workspace)
    changed = create_databases(workspace)
    if workspace.is_cluster:
        check_same_house(workspace)
    taken_from = Registry(workspace).taken_from
    if taken_from:
        console.err.print(taken_from, markup=False)
    if as_json:
        console.print_json({"home": workspace.home, "versions": checked, "ledger_got": changed})
    else:
        for line in changed:
            console.out.print(f"the ledger was of an older Assay and has now: {line}")
        console.out.print(f"{workspace.home} is ready; {len(checked)} libraries have versions that Assay is made for")


def _require_cluster(workspace: "Workspace") -> None:
    """See that all that `profile: cluster` needs can be used, with a line for each that cannot.

    Raises:
        RefusedError: with the first of them.
    """
    from components.core import RefusedError, variable
    from components.lifecycle import what_cannot_be_used
    from flows.server import check_prefect

    prefect = variable("PREFECT_API_URL") or ""
    faults = what_cannot_be_used(workspace, {"PREFECT_API_URL": lambda: check_prefect(prefect)})
    for line in faults[1:]:
        console.err.print(line, markup=False)
    if faults:
        others = f" ({len(faults) - 1} more above)" if faults[1:] else ""
        raise RefusedError(f"{faults[0]}{others}")


def retrain(
    problem: ProblemName,
    check: Annotated[bool, typer.Option("--check", help="Only say whether one is due, and why.")] = False,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Train and promote again when simulator, data, search or training have changed since production was made."""
    from flows.job import Job

    if check:
        result = _looked(problem, size)
    else:
        from flows.server import prefect_server

        job = Job.open(problem, size)
        with prefect_server(job.workspace):
            from flows.retrain import run_retrain

            result = run_retrain(job)
    if as_json:
        console.print_json(result)
        return
    console.out.print(f"{problem}: a retraining {'is' if result['due'] else 'is not'} due")
    for reason in result["reasons"]:
        console.out.print(f"  {reason}")
    if "outcome" in result:
        console.out.print(str(result["outcome"]))


def _looked(problem: str, size: str) -> dict[str, Any]:
    """Whether a retraining is due; as it was found before where nobody has written to anything since."""
    from components.lifecycle import Look
    from components.problems import known_name
    from flows.job import Job

    began, job = time.time_ns(), Job.unchecked(known_name(problem), size)
    if not Look.kept(job.workspace, problem, size).is_file():
        job.check()
    look = Look.begin(job.workspace, problem, size, began_ns=began)
    found = look.recalled()
    if found is not None:
        job.check_surroundings()
    else:
        from components.lifecycle import due

        job.check()
        found = due(job.workspace, job.problem, job.settings)
        look.remember(found)
    outcome = {} if found.reasons else {"outcome": found.why_not}
    return {"due": bool(found.reasons), "reasons": list(found.reasons), **outcome}


def schedule(size: Size = "demo") -> None:
    """Look on every problem's schedule whether a retraining is due, until Ctrl-C."""
    from flows.schedule import serve_schedules

    serve_schedules(size)


def ui(as_json: AsJson = False) -> None:
    """Show MLflow, Prefect, Optuna and the data's quality in a browser, until Ctrl-C."""
    from flows.job import open_workspace
    from flows.ui import run_dashboards

    workspace = open_workspace()
    run_dashboards(workspace, as_json=as_json)
