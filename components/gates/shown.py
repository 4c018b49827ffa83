"""Verdicts for a person: the same rows on the terminal, in MLflow and in Prefect.

print_table(title, RULES, rule_rows(results))
verdicts_in_markdown(results, what="galaxy-shape version 3 to production")
"""

from collections.abc import Sequence

from components.core import markdown_table
from components.gates.results import GateResult, Verdict
from components.gates.rules import COMPARED_WITH

RULES = ("rule", "value", "95 % interval", "must be", "verdict")
CELLS = ("loss", "slice", "images", "more", "interval", "must be", "could have seen")
"""Of a comparison: what a loss is more than the other's, over it or in nats, and what could have been seen."""


def rule_rows(results: Sequence[GateResult]) -> list[tuple[str, ...]]:
    """A row of `RULES` for each, those that do not pass first."""
    return [_row(result) for result in sorted(results, key=lambda result: result.verdict is Verdict.PASS)]


def cell_rows(result: GateResult) -> list[tuple[str, ...]]:
    """A row of `CELLS` for each cell of a comparison."""
    return [
        (
            cell["loss"], cell["slice"], str(cell["images"]), f"{cell['value']:+.2g}",
            f"{cell['low']:+.2g} to {cell['high']:+.2g}", f"≤ {cell['margin']:g}", f"{cell['seen']:.2g}",
        )
        for cell in result.details["cells"]
    ]  # fmt: skip


def comparisons(results: Sequence[GateResult]) -> dict[str, GateResult]:
    """The comparisons among some verdicts, by what each came to."""
    return {
        f"compared with version {result.details['version']}: {result.details['standing']}": result
        for result in results
        if COMPARED_WITH in result.details
    }


def verdicts_in_markdown(results: Sequence[GateResult], *, what: str) -> str:
    """All of it as one page.

    Args:
        results: the verdicts.
        what: the version and where it was to go.
    """
    passed = sum(result.verdict is Verdict.PASS for result in results)
    parts = [f"# {what}: {passed} of {len(results)} rules pass\n", markdown_table(RULES, rule_rows(results))]
    for title, result in comparisons(results).items():
        parts += [f"## {title}\n", markdown_table(CELLS, cell_rows(result))]
    return "\n".join(parts)


def _row(result: GateResult) -> tuple[str, ...]:
    value, interval = "–", "–"
    if result.value is not None:
        value, interval = f"{result.value:.4g}", f"{result.low:.4g} to {result.high:.4g}"
    verdict = str(result.verdict)
    said = verdict if result.verdict is Verdict.PASS else f"{verdict}: {result.reason}"
    return (result.metric, value, interval, result.limits, said)
