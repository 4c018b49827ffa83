"""Answers of a served model as a person reads them: what to quote, beside the truth where it is known, and doubts.

show("galaxy.fits", prediction, said, truth={"g1": 0.1})
show_source(said)
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core import AssayError, significant
from flows import console
from flows.asked_files import read_catalogue

_ENDS = ("low", "high")
_ANSWERS = ("posterior", "likelihood")
"""What the name of an output begins with that is one of two answers to the same."""


def read_truths(path: Path, files: Sequence[Path]) -> dict[Path, dict[str, float]]:
    """What is known of images, by the name of the output; empty cells are unknown.

    Raises:
        AssayError: when the table cannot be read, names no file, or none of these, or has a word among its numbers.
    """
    known: dict[Path, dict[str, float]] = {}
    for file, row in read_catalogue(path, files).items():
        try:
            found = {name: float(cell) for name, cell in row.items() if cell not in ("", None)}
        except ValueError as error:
            raise AssayError(f"{path}: row {file.name}: {error}: every column but 'file' holds numbers") from error
        known[file] = {name: number for name, number in found.items() if not math.isnan(number)}
    return known


def show(
    title: str,
    prediction: Mapping[str, Any],
    said: Mapping[str, Any],
    *,
    given: Mapping[str, float] | None = None,
    truth: Mapping[str, float] | None = None,
    everything: bool = False,
    kept: bool = False,
) -> None:
    """One served answer: the values to be quoted, each with its error where it has one, and its doubts.

    Args:
        title: what was asked about.
        prediction: the answer.
        said: what the service says of all of its answers: `units`, `labels` and `model`.
        given: the numbers that stood beside the image.
        truth: what is known to be right, by the output's name with or without what it begins by.
        everything: whether all outputs are shown, not only those to be quoted.
        kept: whether its maps lie in files already.
    """
    answer = prediction["answer"]
    quoted = None if everything else answer.get("quote")
    begin = f"{quoted}_" if quoted else ""
    rows: list[tuple[str, ...]] = []
    for name, value in answer.items():
        if isinstance(value, list) or name.removesuffix("_error") in answer.keys() - {name}:
            continue
        error = answer.get(f"{name}_error")
        if begin and (error is None or not name.startswith(begin)):
            continue
        short = name.removeprefix(begin)
        right = _truth_of(name, truth or {})
        shown = value if isinstance(value, str) else _with_error(value, error)
        beside = ("" if right is None else significant(right, 4),) if truth else ()
        rows.append((short, shown, *beside, said["units"].get(name, "")))
    columns = ("output", str(quoted or "value"), *(("truth",) if truth else ()), "unit")
    stood = [f"{name} {value:g}" for name, value in (given or {}).items()]
    for name, value in prediction.get("estimated", {}).items():
        stood.append(
            f"{name} {significant(value, 4)} {said['units'].get(name, '')}".rstrip() + ", estimated from the image"
        )
    console.out.print(f"\n{title}" + (f" with {', '.join(stood)}" if stood else ""), style="bold", markup=False)
    console.out.print(f"id {prediction['id']}")
    if rows:
        console.print_table("", columns, rows)
    _show_lists(answer, said, everything=everything or not quoted)
    maps = [name for name, value in answer.items() if isinstance(value, list) and isinstance(value[0], list)]
    if maps and not kept and not quoted:
        console.out.print(f"  maps: {', '.join(maps)}: `assay predict --save FOLDER` keeps them", markup=False)
    for line in prediction["doubts"]:
        console.out.print(f"  doubted: {line}", markup=False)
    if not prediction["doubts"]:
        console.out.print("  in the tested range: nothing in this image says otherwise")


def show_source(said: Mapping[str, Any], *, everything: bool = False) -> None:
    """What holds of all answers: what is not tested of any, what is quoted, and which model answered."""
    predictions, model = said["predictions"], said["model"]
    granted = dict.fromkeys(line for one in predictions for line in one["not_tested"])
    console.out.print(f"\nnot tested: {', '.join(granted)}", markup=False)
    if any("quote" in one["answer"] for one in predictions) and not everything:
        console.out.print(
            "quoted is what each answer says is to be: the likelihood's maximum, which no prior pulls, or where the "
            "image says too little for one the posterior's mean; --all shows both, with all else"
        )
    console.out.print(
        f"answered by {model['problem']} version {model['version']}, package {model['package']}; "
        "`assay trace ID` shows what it came from",
        markup=False,
    )
    if "override" in model:
        console.out.print(f"OVERRIDE {model['override']}", markup=False)


def _truth_of(name: str, truth: Mapping[str, float]) -> float | None:
    """By the output's name, or by that of the number which the output is an answer to."""
    return truth.get(name, next((truth[of] for of in truth if name in (f"{answer}_{of}" for answer in _ANSWERS)), None))


def _with_error(value: float, error: float | None) -> str:
    """A value to the digits that its error leaves."""
    shown = significant(value, 4)
    return shown if error is None else f"{shown} ± {significant(error, 2)}"


def _show_lists(answer: Mapping[str, Any], said: Mapping[str, Any], *, everything: bool) -> None:
    """Outputs of several numbers, those with the same labels in one table; intervals stand beside their values."""
    tables: dict[tuple[str, ...], list[str]] = {}
    for name, labels in said["labels"].items():
        if not isinstance(answer[name][0], list) and tuple(labels) != _ENDS:
            tables.setdefault(tuple(labels), []).append(name)
    for labels, names in tables.items() if everything else ():
        rows = [
            (name, *(significant(value, 3) for value in answer[name]), said["units"].get(name, "")) for name in names
        ]
        console.print_table("", ("output", *labels, "unit"), rows)
