"""Tables as Markdown, which MLflow's and Prefect's pages show as tables.

markdown_table(("rule", "verdict"), [("accuracy.test", "pass")])
"""

from collections.abc import Iterable, Sequence

__label__ = None


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, a line a row."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or " "
