"""What a person sees: a line for each step, tables, and one-line errors. Results go to stdout, the rest to stderr."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout, as wide as it needs to be."""
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    previous = ""
    for row in rows:
        if previous and row[0] != previous:
            table.add_section()
        ours = any("this model" in cell for cell in row)
        table.add_row(*(escape(cell) for cell in row), style="bold" if ours else "")
        previous = row[0]
    Console(highlight=False, width=max(out.width, 118)).print(table)


def print_prediction(prediction: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """One served answer with where it came from."""
    rows = [
        (name, f"{answer['value']:.4g} ± {answer['error']:.2g}", answer["unit"])
        for name, answer in prediction["parameters"].items()
    ]
    print_table(f"prediction {prediction['id']}", ("parameter", "value", "unit"), rows)
    for key, value in model.items():
        out.print(f"  {key:<15} {value}")
