"""Records of what was answered, as Parquet files in a folder that never has more than a stated number of bytes.

    ASSAY_RECORDS=<folder> bentoml serve <package>         # nothing is recorded where the variable is not set
    pandas.read_parquet("<folder>")                        # at any time: what lies there is whole

What a row has stands in `record_rows.py`. A request waits for none of it: it is put in a queue, which one thread
empties, in small parts, since that takes the processor from answers. Files are written when they have some thousands of
rows, some minutes after the first of them, and when the server ends; what cannot be recorded is counted
(`measures.py`), and said once.
"""

import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.answering import Answers, Asked
from services.record_rows import Answered, answered, recorded_outputs, rows

if TYPE_CHECKING:
    from models.fields import Field

RECORDS = "ASSAY_RECORDS"
"""The variable that names the folder."""
NOT_RECORDED = "assay-records"
"""The header of a request that says `no` where it is none of a user's: of golden inputs, or of who looks for life."""
_LOOK_S, _LOOK_IMAGES = 1.0, 64
"""When the queue is emptied, whichever comes first; of so many images it takes two milliseconds."""
_FILE_S, _FILE_ROWS = 300.0, 4096
"""When a file is written, whichever comes first."""
_HELD_BYTES = 64 * 2**20
"""Of images that wait for a look; the first may have more."""
_END_S = 5.0
_FILES = ("*.parquet", ".*.parquet.partial")
"""The second are being written: readers of a folder pass over what begins with a dot."""


def records_folder() -> Path | None:
    """Where this process is told to record; None where it is not."""
    said = os.environ.get(RECORDS)
    return Path(said) if said else None


class Records:
    """The records of one process.

    Args:
        folder: where they are written; other processes may write there, too.
        most_bytes: of all files in it; the oldest are deleted before the newest makes it more.
        model: which one answers.
        inputs: what it is given.
        outputs: what it says.
        left_out: is told how many images were not recorded.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most_bytes: int,
        model: Mapping[str, Any],
        inputs: "Sequence[Field]",
        outputs: "Sequence[Field]",
        left_out: Callable[[int], None] = lambda _images: None,
    ) -> None:
        import pyarrow as pa

        pa.array([""])  # it looks for pandas, which takes half a second where it is: now, and beside no request
        self._folder, self._most_bytes, self._left_out = folder, most_bytes, left_out
        self._model, self._inputs, self._outputs = model, inputs, recorded_outputs(outputs)
        self._lock, self._due, self._ended = threading.Lock(), threading.Event(), False
        self._waiting: list[Answered] = []
        self._held, self._images = 0, 0
        self._rows: list[Any] = []
        self._since_us, self._said = 0, False
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._thread.start()

    def add(self, asked: Asked, answers: Answers, ids: Sequence[str]) -> None:
        """Have the answers to a request recorded, where there is room for it."""
        one = answered(asked.inputs, answers, ids, self._outputs)
        with self._lock:
            fits = not self._waiting or self._held + one.nbytes <= _HELD_BYTES
            if fits:
                self._waiting.append(one)
                self._held, self._images = self._held + one.nbytes, self._images + len(ids)
        if self._images >= _LOOK_IMAGES:
            self._due.set()
        if not fits:
            self._left_out(len(ids))

    def end(self) -> None:
        """Write what there is."""
        self._ended = True
        self._due.set()
        self._thread.join(_END_S)

    def _run(self) -> None:
        last = False
        while not last:
            self._due.wait(_LOOK_S)
            self._due.clear()
            last = self._ended
            self._look(last=last)

    def _look(self, *, last: bool) -> None:
        """Make rows of what waits, and a file of them when it is time."""
        with self._lock:
            waiting, self._waiting, self._held, self._images = self._waiting, [], 0, 0
        images = sum(len(one.ids) for one in waiting) + sum(len(part) for part in self._rows)
        if not images:
            return
        try:
            if waiting:
                self._since_us = self._since_us if self._rows else waiting[0].at_us
                self._rows.append(rows(waiting, self._model, self._inputs, self._outputs))
            old = time.time_ns() // 1000 - self._since_us > _FILE_S * 1e6
            large = sum(part.nbytes for part in self._rows) > self._most_bytes // 4
            if last or old or large or images >= _FILE_ROWS:
                parts, self._rows = self._rows, []
                self._write(parts)
                self._said = False
        except Exception as error:  # noqa: BLE001  # a full disk, a folder that is gone: answers go on
            self._rows = []
            if not self._said:
                line = f"{images} answers were not recorded in {self._folder}: {error}: others will only be counted"
                print(line, file=sys.stderr, flush=True)
            self._said = True
            with suppress(Exception):  # what is counted may lie on the same disk
                self._left_out(images)

    def _write(self, parts: Sequence[Any]) -> None:
        """Write a file, whole or not at all."""
        import pyarrow as pa
        from pyarrow import parquet

        output = pa.BufferOutputStream()
        parquet.write_table(pa.Table.from_batches(parts).combine_chunks(), output, compression="zstd")
        content = output.getvalue()
        since = datetime.fromtimestamp(self._since_us / 1e6, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"{since}-v{self._model['version']}-{uuid.uuid4().hex[:8]}.parquet"
        partial = self._folder / f".{name}.partial"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room(content.size)
        try:
            with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # a file without content, after a power cut, would spoil the folder for readers
            partial.rename(self._folder / name)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> None:
        """Delete the oldest files, and what killed processes left half-written, so that one of this size has room."""
        sizes = {}
        for file in (found for pattern in _FILES for found in self._folder.glob(pattern)):
            with suppress(FileNotFoundError):  # another process does the same
                sizes[file] = file.stat().st_size
        total = sum(sizes.values()) + size
        for file in sorted(sizes, key=lambda file: file.name.lstrip(".")):  # names begin with the time
            if total <= self._most_bytes:
                break
            file.unlink(missing_ok=True)
            total -= sizes[file]
