"""Commands that keep a registry right and small: reconcile, gc."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import console
from flows.commands.options import AsJson, Size

if TYPE_CHECKING:
    from flows.job import Job

OneProblem = Annotated[str | None, typer.Argument(help="One problem only.")]


def reconcile(problem: OneProblem = None, size: Size = "demo", as_json: AsJson = False) -> None:
    """Find and mend what ledger, MLflow and packages do not agree about."""
    from components.core import RefusedError
    from components.lifecycle import reconcile as mend

    rows: list[dict[str, Any]] = []
    for job in _jobs(problem, size):
        with job.alone():
            found = mend(job.workspace, job.problem, job.settings)
        rows += [{"problem": job.problem_name, **asdict(finding)} for finding in found]
    if as_json:
        console.print_json(rows)
    elif rows:
        console.print_table(
            "what did not agree",
            ("problem", "what", "repaired", "who should do what"),
            [(row["problem"], row["what"], "yes" if row["repaired"] else "NO", row["todo"] or "–") for row in rows],
        )
    else:
        console.out.print("ledger, MLflow and packages agree")
    left = [row for row in rows if not row["repaired"]]
    if left:
        raise RefusedError(f"{len(left)} of {len(rows)} could not be repaired: {left[0]['what']}: {left[0]['todo']}")


def gc(
    problem: OneProblem = None,
    keep: Annotated[int, typer.Option(help="How many of the newest versions stay, whatever their stage.", min=0)] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Delete versions, packages and files that no stage, rollback or --keep protects."""
    from components.lifecycle import clean, plan_cleaning

    rows: list[dict[str, Any]] = []
    for job in _jobs(problem, size):
        with job.alone(), job.workspace.lock(job.problem_name):
            plan = plan_cleaning(job.workspace, job.problem, job.settings, keep=keep)
            rows.append(
                {
                    "problem": job.problem_name,
                    "protected": plan.protected,
                    "versions": list(plan.versions),
                    "folders": [str(folder) for folder in plan.folders],
                    "megabytes": plan.megabytes,
                    "deleted": not dry_run,
                }
            )
            if not dry_run:
                clean(job.workspace, job.problem, job.settings, plan)
    if as_json:
        console.print_json(rows)
        return
    for row in rows:
        said = "would be deleted" if dry_run else "deleted"
        versions = ", ".join(map(str, row["versions"])) or "none"
        console.out.print(f"{row['problem']}: versions {said}: {versions}")
        console.out.print(f"  folders {said}: {len(row['folders'])}, {row['megabytes']:.1f} MB")
        kept = ", ".join(f"{version} ({why})" for version, why in row["protected"].items())
        console.out.print(f"  protected: {kept or 'none'}", markup=False)


def _jobs(problem: str | None, size: str) -> "list[Job]":
    """Every problem, or the one that was named."""
    from components.problems import NAMES
    from flows.job import Job

    return [Job.open(name, size) for name in ([problem] if problem else NAMES)]
