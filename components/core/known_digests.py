"""Digests of files that were hashed before: a file is hashed again when its size, times, inode or device are others.

    known = KnownDigests(workspace.digests)
    known.sha256(path)                     # as `file_sha256`, at once where nobody wrote to it since

Clocks of files tick: what is written within the same tick has the same time. A digest is kept of a file only when it
had been left alone for some ticks before anybody began to read it, so that a later change cannot bear its time (Git
takes the same care of its index). Where nothing can be kept, files are hashed each time.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.digests import file_sha256, read_sealed, sealed, value_digest
from components.core.writing import write_whole

__label__ = None

_TICK_NS = 2_000_000_000
"""The coarsest clock of files that is in use, FAT's; those of Linux's own file systems tick every 1 to 10 ms."""


@dataclass(frozen=True, kw_only=True)
class KnownDigests:
    """What is known of files, one small file for each."""

    folder: Path
    """Where it is kept; made when it is not there."""

    def sha256(self, path: Path) -> str:
        """SHA-256 of a file's bytes, as hex.

        Raises:
            FileNotFoundError: when it is not there.
        """
        kept, before, began = self._kept(path), _state(path), time.time_ns()
        try:
            document = read_sealed(kept)
            digest = str(document.pop("sha256"))
            if document == before:
                return digest
        except (OSError, ValueError, KeyError):  # not known yet, or damaged: it is found out again
            pass
        digest = file_sha256(path)
        settled = began - max(before["modified_ns"], before["changed_ns"]) > _TICK_NS
        if settled and _state(path) == before:
            with suppress(OSError):  # a full or read-only disk costs time, and nothing else
                write_whole(kept, json.dumps(sealed({**before, "sha256": digest})) + "\n")
        return digest

    def _kept(self, path: Path) -> Path:
        return self.folder / f"{value_digest(str(path.resolve()))[:32]}.json"


def _state(path: Path) -> dict[str, Any]:
    """What changes when a file is written to or put in another's place; the second time no program can set."""
    found = path.stat()
    return {
        "path": str(path.resolve()),
        "size": found.st_size,
        "modified_ns": found.st_mtime_ns,
        "changed_ns": found.st_ctime_ns,
        "inode": found.st_ino,
        "device": found.st_dev,
    }
