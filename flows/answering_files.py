"""Answers to many files as one table, a batch at a time: no more than one of them is in memory as images.

    table = answer_files(url, files, read)                     # read(file): what a model is given of it
    table.write(Path("answers.fits"), reading, beside=catalogue)

A file that cannot be read or answered is a row with its reason, and keeps no other from its answer.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import AssayError
from flows.asked_files import Catalogue, carried
from flows.reading_files import Given, Told

if TYPE_CHECKING:
    from assay.client import Client
    from assay.prediction import Prediction
    from components.fields import Reading, TableColumn

_BATCH = 64
_AT_ONCE = 2
"""Batches on their way: while one is answered, the files of the next are read and sent."""
_OF_IMAGE = re.compile(r"images\[(\d+)\]")
_ESTIMATED = "estimated_"
_LINE = re.compile(r"^.* answered 4\d\d: ")
"""What the client puts before a server's own line."""

Inputs = Mapping[str, Any]
"""Of one image, by field."""


@dataclass(kw_only=True)
class AnswerTable:
    """What became of each file, in their order."""

    files: Sequence[Path]
    rows: dict[Path, dict[str, Any]] = field(default_factory=dict)
    """Of those that were answered: `id`, `in_tested_range`, `doubts`, and each output."""
    refused: dict[Path, str] = field(default_factory=dict)
    """Why the others were not."""
    told: dict[Path, Told] = field(default_factory=dict)
    """What is to be known of those that were read."""
    said: "Prediction | None" = None
    """The last batch's answer, whose units, labels and model are those of all."""
    estimated: dict[str, str] = field(default_factory=dict)
    """Inputs that were estimated for some of the files, by name in these rows with the unit as FITS writes it."""

    @property
    def doubted(self) -> int:
        """How many answers are to be doubted."""
        return sum(not row["in_tested_range"] for row in self.rows.values())

    def write(self, path: Path, reading: "Reading", *, beside: Catalogue) -> list[str]:
        """Keep it as a file: FITS with units, Parquet, or CSV with a column for each entry of an output.

        Args:
            path: whose suffix says which.
            reading: says what of an answer is another number on the sky, where a file says where that is.
            beside: columns of a catalogue; those that outputs are called after are left out.

        Returns:
            The outputs that such a file cannot hold.

        Raises:
            AssayError: when it cannot be written.
        """
        from components.fields import TableColumn, write_table
        from components.packages import fits_unit, in_ascii

        outputs = dict(self.said.outputs) if self.said else {}
        plain = in_ascii if path.suffix.lower() == ".fits" else str
        rows = [self.rows.get(file, {}) for file in self.files]
        own = {
            "file": [str(file) for file in self.files],
            "id": [row.get("id", "") for row in rows],
            "in_tested_range": [row.get("in_tested_range", False) for row in rows],
            "doubts": [plain("; ".join(row.get("doubts", ()))) for row in rows],
            "refused": [plain(self.refused.get(file, "")) for file in self.files],
            "unused_planes": [plain(", ".join(self.told.get(file, Told()).unused)) for file in self.files],
        }
        more = {
            name: carried(beside, self.files, name)
            for name in next(iter(beside.values()), {})
            if name not in own and name not in outputs and name not in self.estimated
        }
        columns = [
            TableColumn(name=name, values=values, unit=beside.units.get(name, "") if name in more else "")
            for name, values in {**own, **more}.items()
        ]
        for name, array in outputs.items():
            assert self.said is not None
            labels = self.said.labels.get(name, ())
            word = array.dtype.kind == "i" and bool(labels) and array.ndim == 1
            nothing: Any = "" if word else array[0] * float("nan")
            values = [row.get(name, nothing) for row in rows]
            if word:
                values = [labels[int(value)] if value != "" else "" for value in values]
            entries = tuple(plain(label) for label in labels) if array.ndim == 2 else ()
            columns.append(
                TableColumn(name=name, values=values, unit=fits_unit(self.said.units.get(name, "")), entries=entries)
            )
        for name, unit in self.estimated.items():
            values = [row.get(name, float("nan")) for row in rows]
            columns.append(TableColumn(name=name, values=values, unit=unit))
        return write_table(path, columns + self._on_sky(reading), comment=reading.frame)

    def _on_sky(self, reading: "Reading") -> "list[TableColumn]":
        """Columns of what is another number on the sky; none where no file says where it lies."""
        from components.fields import TableColumn

        axes = {file: self.told[file].axes for file in self.rows if file in self.told}
        labels = self.said.labels if self.said else {}
        found = {file: reading.on_sky(self.rows[file], labels, of) for file, of in axes.items() if of is not None}
        nan = float("nan")
        columns = []
        for name, one in next(iter(found.values()), {}).items():
            values = [found[file][name].value if file in found else nan for file in self.files]
            columns.append(TableColumn(name=name, values=values, unit=one.unit, meaning=one.meaning))
        return columns


def answer_files(
    url: str, files: Sequence[Path], read: Callable[[Path], Given], *, shown: str, token: str | None = None
) -> AnswerTable:
    """Ask a server about every file.

    Args:
        url: of the server.
        files: in the order of the table.
        read: gives what a model is asked of a file, or raises an AssayError.
        shown: before the bar.
        token: of who asks, where the server wants one.

    Raises:
        AssayError: when nothing useful answers.
    """
    from tqdm import tqdm

    from assay.client import Client, ClientError

    table = AnswerTable(files=files)
    with (
        tqdm(total=len(files), desc=shown, unit="img", disable=None) as bar,
        Client(url, token=token) as client,
        ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ask") as pool,
    ):
        under_way: deque[tuple[Future[None], int]] = deque()

        def wait(most: int) -> None:
            while len(under_way) > most:
                answered, count = under_way.popleft()
                answered.result()
                bar.update(count)

        try:
            for first in range(0, len(files), _BATCH):
                part = files[first : first + _BATCH]
                asked = _read(part, read, table)
                wait(_AT_ONCE - 1)
                under_way.append((pool.submit(_answer_alike, client, asked, table), len(part)))
            wait(0)
        except ClientError as error:
            raise AssayError(str(error)) from error
    return table


def _read(files: Sequence[Path], read: Callable[[Path], Given], table: AnswerTable) -> list[dict[Path, Inputs]]:
    """What a model is asked of files, those together that have the same fields."""
    asked: dict[frozenset[str], dict[Path, Inputs]] = {}
    for file in files:
        try:
            given = read(file)
        except AssayError as error:
            table.refused[file] = str(error)
        else:
            table.told[file] = given.told
            asked.setdefault(frozenset(given.inputs), {})[file] = given.inputs
    return list(asked.values())


def _answer_alike(client: "Client", asked: Sequence[Mapping[Path, Inputs]], table: AnswerTable) -> None:
    for alike in asked:
        _answer(client, alike, table)


def _answer(client: "Client", asked: Mapping[Path, Inputs], table: AnswerTable) -> None:
    """Ask about some files at once; about one that the server names as wrong not again."""
    import numpy as np

    from assay.client import RefusedError, require_same_model
    from components.packages import fits_unit

    left = dict(asked)
    while left:
        names = next(iter(left.values()))
        try:
            shapes = {name: {np.shape(inputs[name]) for inputs in left.values()} for name in names}
            if any(len(found) > 1 for found in shapes.values()):
                raise _UnlikeError
            said = client.ask({name: np.stack([np.asarray(one[name]) for one in left.values()]) for name in names})
        except (RefusedError, _UnlikeError) as error:
            line = _LINE.sub("", str(error))
            named = _OF_IMAGE.search(line)
            if len(left) == 1 or named is not None:
                file = list(left)[int(named[1]) if named else 0]
                table.refused[file] = _OF_IMAGE.sub(str(file), line)
                del left[file]
                continue
            for file, inputs in left.items():  # which of them is meant is not said
                _answer(client, {file: inputs}, table)
            return
        if table.said is not None:
            require_same_model(client.url, table.said, said)
        table.said = said
        estimated = {f"{_ESTIMATED}{name}": array for name, array in said.estimated.items()}
        table.estimated |= {f"{_ESTIMATED}{name}": fits_unit(said.units.get(name, "")) for name in said.estimated}
        for number, file in enumerate(left):
            doubts = [*table.told[file].doubts, *said.doubts[number]]
            table.rows[file] = {
                "id": said.ids[number],
                "in_tested_range": not doubts,
                "doubts": doubts,
                **{name: array[number] for name, array in {**said.outputs, **estimated}.items()},
            }
        return


class _UnlikeError(Exception):
    """Arrays of several shapes make no batch."""
