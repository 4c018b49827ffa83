"""Files that are read before they are asked for: while a server starts, and while it answers what came before.

    with ReadingAhead(files, read, size=lambda one: one.image.nbytes) as ahead:
        for file in files:
            ahead.of(file)                        # what read(file) gave, or raised

A thread reads them in their order, and waits when as many, or as many bytes, as there may be lie here.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")

_BYTES, _FILES = 96 * 2**20, 4096
"""Some thousand cutouts are read while a server starts; what is read later takes the processor from it. Of pixels: the
header of each takes ten to a hundred kB more, by its length."""


class ReadingAhead(Generic[Item]):
    """What becomes of each file, in their order.

    Args:
        files: to be read.
        read: gives what is read of one.
        size: of what it gives, in bytes.
        most: bytes that may lie here before another file is read.
        most_files: how many of them.
    """

    def __init__(
        self,
        files: Iterable[Path],
        read: Callable[[Path], Item],
        *,
        size: Callable[[Item], int],
        most: int = _BYTES,
        most_files: int = _FILES,
    ) -> None:
        self._left, self._read, self._size = iter(files), read, size
        self._most, self._most_files = most, most_files
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._ahead: deque[tuple[Path, Future[Item]]] = deque()
        self._lying, self._stopped = 0, False
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self._begin(self._most_files)
        return self

    def __exit__(self, *_: object) -> None:
        self._change(stopped=True)
        self._pool.shutdown(cancel_futures=True)

    def of(self, file: Path) -> Item:
        """What was read of the next file; what reading it raised is raised here.

        Args:
            file: the one after that which was asked for before.
        """
        read, found = self._ahead.popleft()
        assert read == file
        self._begin(1)
        item = found.result()
        self._change(-self._size(item))
        return item

    def _begin(self, count: int) -> None:
        self._ahead += [(file, self._pool.submit(self._read_one, file)) for file in islice(self._left, count)]

    def _read_one(self, file: Path) -> Item:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._lying < self._most)
        item = self._read(file)
        self._change(self._size(item))
        return item

    def _change(self, by: int = 0, *, stopped: bool = False) -> None:
        with self._changed:
            self._lying += by
            self._stopped = self._stopped or stopped
            self._changed.notify_all()
