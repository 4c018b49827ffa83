"""What a person sees: a line for each step, tables, and one-line errors. Results go to stdout, the rest to stderr."""

import codecs
import io
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from typing import Any, TypeVar

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.core import variable

Result = TypeVar("Result")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


wide = False
"""Whether rows are lines in a narrow window, too: `--wide`."""
_ENDLESS = 10_000
"""Width of files and pipes, in which a row is a line."""
_WORDS = re.compile(r"(?:± )?\S+")
"""What stays on one line: words, and an error with its sign."""
_PAIR = 2
"""Columns of a list of names and values."""
_SOME = 16
"""Letters of a long value that are worth a line."""
_OURS = "this model's "
"""How the rows begin that stand out among published ones."""


_PLAIN = str.maketrans({"±": "+-", "–": "-", "−": "-", "…": "...", "✓": "ok", "×": "x", "²": "^2"})
"""Signs in letters that every terminal has."""


def never_fail_for_an_encoding() -> None:
    """Have what the terminal or file cannot show written in plain letters: all the work is done by then."""

    def plainly(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        said = error.object[error.start : error.end].translate(_PLAIN)
        return said.encode(error.encoding, "backslashreplace").decode(error.encoding), error.end

    codecs.register_error("assay.plainly", plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # anything else takes every letter
            stream.reconfigure(errors="assay.plainly")


def take_step(name: str, work: Callable[[], tuple[Result, str]], *, spinner: bool) -> Result:
    """Show that a step is under way, and in one line what it came to and how long it took.

    Args:
        name: the step.
        work: does it; returns its result and the line.
        spinner: whether a terminal shows a spinner meanwhile; not beside a progress bar of the step's own.
    """
    start = time.monotonic()
    if not spinner or not err.is_terminal:
        err.print(f"[dim]…[/dim] {name}")
    with waiting(name) if spinner else nullcontext():
        result, said = work()
    seconds = time.monotonic() - start
    err.print(f"[green]✓[/green] {name:<10} {escape(said)}  [dim]{seconds:.1f} s[/dim]")
    return result


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show a terminal that something is under way which takes seconds; files and pipes get nothing."""
    if not err.is_terminal:
        yield
        return
    with err.status(escape(what)):
        yield


def fail(message: str) -> None:
    """Say in one line why a command cannot go on."""
    err.print(f"[red]assay:[/red] {escape(message)}")


def say_behind(servers: Iterable[object]) -> None:
    """Name the servers that answer with another version than the stage has which they follow."""
    for server in servers:
        err.print(f"  has not followed yet: {server}; it does within seconds while it runs", markup=False)


def print_json(document: Any) -> None:
    """The one JSON document of a `--json` command."""
    print(json.dumps(document, indent=1, default=str))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    grouped: bool = False,
    dotted: bool = False,
) -> None:
    """A table on stdout, a line a row; where it is wider than the window, a block a row, and nothing is cut off.

    Args:
        title: the line above.
        columns: headings.
        rows: cells.
        grouped: rows that share their first cell stand together, the cell shown once.
        dotted: the first cell is a name with dots; in a narrow window, what names begin with is a heading of its own.
    """
    console = Console(highlight=False, width=_width(), height=out.height)  # both, or dumb terminals have 80
    if title:
        out.print(f"[bold]{escape(title)}[/bold]")
    table = _filled(columns, rows, grouped=grouped)
    if _longest(console, table) <= console.width:
        console.print(table)
        return
    if dotted:
        _print_by_stem(console, columns, rows)
        return
    below = _filled(columns, [[cell.replace(" ± ", "\n± ") for cell in row] for row in rows], grouped=grouped)
    widths = _shares(below, columns, console.width - _longest(console, below))
    if widths is None:
        names = [column.replace(".\n", ".").replace("\n", " ").strip() for column in columns]
        for row in rows:
            _print_block(console, names, row)
        return
    for column, width in zip(below.columns, widths, strict=True):
        column.width = width
    console.print(below)


def _filled(columns: Sequence[str], rows: Sequence[Sequence[str]], *, grouped: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    group = None
    for first, *others in rows:
        if grouped and group is not None and first != group:
            table.add_section()
        shown = "" if grouped and first == group else first
        ours = any(cell.startswith(_OURS) and not cell.endswith("alone") for cell in others)
        table.add_row(*map(Text, (shown, *others)), style="bold" if ours else "")
        group = first
    return table


def _longest(console: Console, table: Table) -> int:
    """Columns that it takes where no line is broken."""
    return Measurement.get(console, console.options.update(max_width=_ENDLESS), table).maximum


def _shares(table: Table, names: Sequence[str], more: int) -> list[int] | None:
    """A width for every column of a table that is too wide, so that no word is broken; None where there is none.

    A value that stands beside a name may be a digest: it is broken where some of it fits into a line.

    Args:
        table: as it was filled.
        names: of its columns.
        more: columns of the window beyond what its longest lines take.
    """
    cells = [[name, *map(str, column.cells)] for name, column in zip(names, table.columns, strict=True)]
    words = [max(cell_len(word) for cell in column for word in _WORDS.findall(cell) or [""]) for column in cells]
    lines = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in cells]
    wanted = sum(lines) - sum(words)
    spare = more + wanted
    if spare >= 0:
        shares = [word + spare * (line - word) // max(wanted, 1) for word, line in zip(words, lines, strict=True)]
        return [min(share, line) for share, line in zip(shares, lines, strict=True)]
    if len(words) == _PAIR and words[-1] + spare >= _SOME:
        return [words[0], words[-1] + spare]
    return None


def _print_by_stem(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under what their names share, in columns that go on from heading to heading.

    A last cell that there is no room for stands below its row.
    """
    split = [(*row[0].rpartition(".")[::2], *row[1:]) for row in rows]
    cells = [("", *columns[1:-1]), *(row[1:-1] for row in split)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    room = console.width - sum(width + 2 for width in widths)
    beside = cell_len(columns[-1]) <= room

    def show(row: Sequence[str], style: str = "") -> None:
        fits = beside and cell_len(row[-1]) <= room
        padded = "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=False))
        console.print(Text(f"{padded}  {row[-1] if fits else ''}".rstrip(), style=style))
        if row[-1] and not fits:
            console.print(Padding(Text(row[-1], style=style), (0, 0, 0, 2)))

    show(("", *columns[1:]), "bold")
    for stem, under in groupby(split, key=lambda row: row[0]):
        console.print(Text(stem, style="bold"))
        for row in under:
            show(row[1:])


def _print_block(console: Console, names: Sequence[str], row: Sequence[str]) -> None:
    """One row of a table that is too wide, a line a cell; of a name and a value, the value below its name."""
    if len(row) == _PAIR:
        console.print(Text(row[0], style="bold"))
        console.print(Padding(Text(row[1]), (0, 0, 0, 2)))
        return
    block = Table.grid(padding=(0, 2))
    block.add_column(style="bold", overflow="fold")
    block.add_column(overflow="fold")
    for name, cell in zip(names, row, strict=True):
        block.add_row(Text(name), Text(cell))
    console.print(block)
    console.print()


def _width() -> int:
    """Columns of the window; files and pipes have as many as a row takes, unless COLUMNS says otherwise."""
    narrow = not wide and (out.is_terminal or variable("COLUMNS") is not None)
    return out.width if narrow else _ENDLESS
