"""Digests of files that were hashed before: a file is hashed again when its size, times, inode or device are others.

    known = KnownDigests(workspace.digests)
    known.sha256(path)                     # as `file_sha256`, at once where nobody wrote to it since

A digest is kept only where a later change would show (`file_states.py`). Where nothing can be kept, files are hashed
each time.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from components.core.digests import file_sha256, read_sealed, sealed, value_digest
from components.core.file_states import are_settled, state_of
from components.core.writing import write_whole

__label__ = None


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
        kept, before, began = self._kept(path), state_of(path.resolve()), time.time_ns()
        try:
            document = read_sealed(kept)
            if tuple(document["state"]) == before:
                return str(document["sha256"])
        except (OSError, ValueError, KeyError):  # not known yet, or damaged: it is found out again
            pass
        digest = file_sha256(path)
        if are_settled([before], began) and state_of(path.resolve()) == before:
            with suppress(OSError):  # a full or read-only disk costs time, and nothing else
                write_whole(kept, json.dumps(sealed({"state": before, "sha256": digest})) + "\n")
        return digest

    def _kept(self, path: Path) -> Path:
        return self.folder / f"{value_digest(str(path.resolve()))[:32]}.json"
