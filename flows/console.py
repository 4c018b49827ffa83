"""What a person sees: a line for each step, tables, and one-line errors. Results go to stdout, the rest to stderr."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def begin_step(name: str) -> None:
    """Say that a step begins."""
    err.print(f"[dim]…[/dim] {name}")


def end_step(name: str, said: str, seconds: float) -> None:
    """Say what a step came to."""
    err.print(f"[green]✓[/green] {name:<10} {escape(said)}  [dim]{seconds:.1f} s[/dim]")


def fail(message: str) -> None:
    """Say in one line why a command cannot go on."""
    err.print(f"[red]assay:[/red] {escape(message)}")


def print_json(document: Any) -> None:
    """The one JSON document of a `--json` command."""
    print(json.dumps(document, indent=1, default=str))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, grouped: bool = False) -> None:
    """A table on stdout, as wide as it needs to be unless a terminal is narrower; headings may have several lines.

    Args:
        title: the line above.
        columns: headings.
        rows: cells.
        grouped: rows that share their first cell stand together, the cell shown once.
    """
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    group = None
    for first, *others in rows:
        if grouped and group is not None and first != group:
            table.add_section()
        shown = "" if grouped and first == group else first
        table.add_row(escape(shown), *map(escape, others), style="bold" if "this model" in others else "")
        group = first
    out.print(f"[bold]{escape(title)}[/bold]")
    Console(highlight=False, width=out.width if out.is_terminal else 200).print(table)


def print_prediction(prediction: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """One served answer with where it came from."""
    rows = [
        (name, f"{answer['value']:.4g} ± {answer['error']:.2g}", answer["unit"])
        for name, answer in prediction["parameters"].items()
    ]
    print_table(f"prediction {prediction['id']}", ("parameter", "value", "unit"), rows)
    for key, value in model.items():
        out.print(f"  {key:<15} {value}")
