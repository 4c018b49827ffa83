"""What changes when a file is written to, or another is put in its place; and whether that can be relied on.

    before, began = state_of(path), time.time_ns()
    … read it …
    state_of(path) == before and are_settled([before], began)      # what was found holds while the state is the same

Clocks of files tick: what is written within the same tick has the same time. What is found of a file may be kept only
when it had been left alone for some ticks before anybody began to read it, so that a later change cannot bear its time
(Git takes the same care of its index).
"""

from collections.abc import Iterable
from pathlib import Path

__label__ = None

FileState = tuple[str, int, int, int, int, int]
"""Path, size, when it was written to and when it was changed in any way (ns), inode and device: the second time no
program can set."""

_TICK_NS = 2_000_000_000
"""The coarsest clock of files that is in use, FAT's; those of Linux's own file systems tick every 1 to 10 ms."""


def state_of(path: Path) -> FileState:
    """The state of a file or folder.

    Raises:
        FileNotFoundError: when it is not there.
    """
    found = path.stat()
    return str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


def are_settled(states: Iterable[FileState], began_ns: int) -> bool:
    """Whether a change from a moment on shows in the states that some files had then."""
    return all(began_ns - max(written, changed) > _TICK_NS for _, _, written, changed, _, _ in states)
