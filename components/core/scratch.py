"""Folders for what is not whole yet, inside the state folder, from where it can be moved into place in one step.

with scratch_folder(workspace) as folder:
    …
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from components.core.workspace import Workspace

__label__ = None


@contextmanager
def scratch_folder(workspace: Workspace) -> Iterator[Path]:
    """An empty folder, gone when the block ends; those of processes that were killed go first."""
    parent = workspace.home / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    for lock in parent.glob("*.lock"):
        with suppress(Timeout), FileLock(lock, timeout=0):  # whose process is alive is held
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    folder = parent / uuid.uuid4().hex
    lock = folder.with_suffix(".lock")
    with FileLock(lock):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
