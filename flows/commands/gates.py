"""The command that says what the gates make of a version, and changes nothing: gates.

assay gates galaxy-shape 3 --against production
"""

from typing import TYPE_CHECKING, Annotated

import typer

from components.ledger import PRODUCTION
from flows import console
from flows.commands.options import AsJson, ProblemName, Size, Version

if TYPE_CHECKING:
    from components.ledger import Ledger


def gates(
    problem: ProblemName,
    version: Version,
    against: Annotated[
        str | None,
        typer.Option(help="Compare with this version, too, or with `production`; reads what promotions compare on."),
    ] = None,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Judge a version by every rule for production, and change nothing; 1 where a rule does not pass."""
    from components.gates import CELLS, RULES, cell_rows, comparisons, require_pass, rule_rows
    from components.lifecycle import Promotion
    from components.problems import find_problem
    from flows.job import Job

    name = find_problem(problem).name
    job = Job.open(name, size)
    promotion = Promotion(job.workspace, job.problem, job.settings, job.published())
    other = None if against is None else _number(promotion.ledger, name, against)
    with console.waiting("judging"):
        results = promotion.judge.gates(version, PRODUCTION, champion=other, first=other is None)
    stage = promotion.ledger.stage_of(name, version)
    if as_json:
        said = [result.as_json() for result in results]
        console.print_json({"problem": name, "version": version, "stage": stage, "against": other, "gates": said})
    else:
        console.print_table(
            f"{name} version {version} ({stage}) by the rules for production", RULES, rule_rows(results), dotted=True
        )
        for title, result in comparisons(results).items():
            console.print_table(title, CELLS, cell_rows(result))
    require_pass(results, what=f"{name} version {version} to production")
    if not as_json:
        console.out.print(f"all {len(results)} rules pass; those of the package are judged when it is built")


def _number(ledger: "Ledger", problem: str, against: str) -> int:
    """Whom to compare with."""
    if against == PRODUCTION:
        held = ledger.holder(problem, PRODUCTION)
        if held is None:
            raise typer.BadParameter(f"--against production: {problem} has nothing there; leave it out")
        return held
    if not against.isdecimal():
        raise typer.BadParameter(f"--against {against}: must be production, or the number of a version")
    return int(against)
