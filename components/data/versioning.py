"""Each problem's data as a version of its own: this module alone meets DVC.

    versioned = version_data(workspace, "galaxy-shape")   # its row of data.dvc; commit it with the code that made it
    restore(workspace, "galaxy-shape")                    # the data that the row names, from DVC's cache or remote

`dvc add` writes nothing but hashes and sizes, so that the same bytes give the same row. Working files are copies
(or reflinks) of the cache's, DVC's default: they can be written over without harm to the versions kept.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from components.core import AssayError, Workspace, read_git, undisturbed, write_whole
from components.data.data_file import (
    DATA_FILE,
    DataRow,
    data_path,
    find_row,
    put_row,
    raw_row,
    read_row,
    write_row,
)
from components.data.remote import default_remote, dvc_config

_DVC_FILES = {
    ".dvc/config": "[core]\n    analytics = false\n    autostage = true\n    check_update = false\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": (
        "# What DVC need not look through, and datasets that are still being copied into data/.\n"
        ".venv/\n.assay/\n/data/.*\n"
    ),
}
"""What `dvc init` would make, with autostage: git is told of a new data.dvc at once."""


@dataclass(frozen=True, kw_only=True)
class DataVersion:
    """What `version_data` came to."""

    md5: str
    """DVC's digest of the folder, as data.dvc has it."""
    changed: bool
    """Whether data.dvc is not what the commit has."""
    pushed: bool
    """Whether the default remote has the data now; False when there is no remote."""


def require_dvc(workspace: Workspace) -> None:
    """Make the repository one of DVC's, when it is not yet.

    Raises:
        AssayError: when there is no git repository.
    """
    if not (workspace.root / ".git").exists():
        raise AssayError(f"no git repository at {workspace.root}: DVC versions data beside code; type `git init`")
    for name, text in _DVC_FILES.items():
        path = workspace.root / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")


def check_cache(workspace: Workspace) -> None:
    """See that the folder is there in which DVC is told to keep data: one that is not mounted looks like no data.

    Raises:
        AssayError: when it is not.
    """
    told = dvc_config(workspace).get("cache", "dir", fallback=None)
    if told is not None and not (folder := workspace.root / ".dvc" / told).is_dir():
        raise AssayError(f"DVC's cache {folder} (cache.dir in .dvc/config) is not there: mount it, or make that folder")


def version_data(workspace: Workspace, problem: str) -> DataVersion:
    """Have data.dvc name a problem's data as it is now, and the default remote, when there is one, hold it.

    Raises:
        AssayError: when there is no data, or DVC fails.
    """
    folder = workspace.dataset(problem)
    if not folder.is_dir():
        raise AssayError(f"no data at {folder}: type `assay simulate {problem}`")
    require_dvc(workspace)
    check_cache(workspace)
    with _alone(workspace):
        with workspace.data_lock():
            if read_row(workspace, problem) is None:  # without a row DVC would make a file of its own for the folder
                write_row(workspace, problem)
            before = (workspace.root / DATA_FILE).read_text(encoding="utf-8")
            try:
                _dvc(workspace, "add", data_path(problem))
            except AssayError:  # DVC writes in place, and what it left may be half of it
                write_whole(workspace.root / DATA_FILE, before)
                raise
        remote = default_remote(workspace)
        if remote is not None:
            # Also when nothing changed: an earlier push may have been killed.
            _dvc(workspace, "push", data_path(problem))
        row = read_row(workspace, problem)
    if row is None or row.md5 is None:
        raise AssayError(
            f"`dvc add {data_path(problem)}` left no digest in {DATA_FILE} of {workspace.root}: type `dvc doctor`"
        )
    changed = bool(read_git(workspace.root, "status", "--porcelain", "--", DATA_FILE))
    return DataVersion(md5=row.md5, changed=changed, pushed=remote is not None)


def restore(workspace: Workspace, problem: str) -> bool:
    """Bring back the data of a problem that data.dvc names.

    Files that no version keeps are never written over, and no other problem's data is touched.

    Returns:
        Whether the data is what data.dvc names; False when that names none, when neither cache nor remote has the
        data, and when its folder holds files that would be lost.

    Raises:
        AssayError: when the remote cannot be reached, or DVC fails.
    """
    row = read_row(workspace, problem)
    if row is None or row.md5 is None:
        return False
    require_dvc(workspace)
    with _alone(workspace):
        if _tries(workspace, "checkout", problem):
            return True
        return default_remote(workspace) is not None and _tries(workspace, "pull", problem)


def checkout_data(workspace: Workspace, problem: str, md5: str, *, dataset: str | None, key: str) -> None:
    """Make a problem's data and its row of data.dvc those of another version, from DVC's cache or remote.

    Args:
        workspace: whose data.
        problem: whose data.
        md5: DVC's digest of it.
        dataset: `Dataset.digest` of it.
        key: `dataset_key` of what made it.

    Raises:
        AssayError: when neither has it, or the folder holds what no version keeps; then nothing is changed.
    """
    before = read_row(workspace, problem)
    if before == DataRow(md5=md5, dataset=dataset, key=key) and restore(workspace, problem):
        return
    with _alone(workspace):
        row, done = raw_row(workspace, problem), False
        try:
            # Git's own row if a commit has it, so that git sees no difference.
            committed = _committed_row(workspace, problem, md5) or {
                "path": data_path(problem),
                "md5": md5,
                "hash": "md5",
            }
            put_row(workspace, problem, {**committed, "meta": {"dataset": dataset, "key": key}})
            done = restore(workspace, problem)
        finally:
            if not done:  # this row alone: others may have been written meanwhile
                put_row(workspace, problem, row)
        if done:
            read_git(workspace.root, "add", "--", DATA_FILE)  # as DVC does with every data.dvc that it writes
            return
    raise AssayError(
        f"data {md5[:12]} is not to be had: DVC's cache and remote do not hold it, or {data_path(problem)} holds files "
        f"that no version keeps: `dvc add {data_path(problem)}` keeps them, `dvc remote list` shows where DVC looks"
    )


def _committed_row(workspace: Workspace, problem: str, md5: str) -> dict[str, Any] | None:
    """What a commit's data.dvc said of data with this digest; None when no commit names it."""
    commit = read_git(workspace.root, "log", "--all", "-1", "--format=%H", f"-S{md5}", "--", DATA_FILE)
    text = read_git(workspace.root, "show", f"{commit}:{DATA_FILE}") if commit else None
    row = find_row(text, problem) if text else None
    return row if row is not None and row.get("md5") == md5 else None


def _tries(workspace: Workspace, command: str, problem: str) -> bool:
    """Whether DVC could; the reasons that are no failure of ours are told by their words, DVC having no codes."""
    try:
        _dvc(workspace, command, data_path(problem))
    except AssayError as error:
        if "Checkout failed" in str(error) or "unsaved files" in str(error):
            return False
        raise
    return True


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One DVC command of ours at a time."""
    with workspace.dvc_lock():
        _drop_stale_lock(workspace.root / ".dvc" / "tmp" / "rwlock")
        yield


def _drop_stale_lock(path: Path) -> None:
    """Remove DVC's list of busy files when nobody in it is a DVC process.

    A killed DVC leaves its process number there, or half of the file. DVC notices a number that is free, not one that
    another program has been given since, which in a container is soon.
    """
    try:
        busy = json.loads(path.read_text(encoding="utf-8"))
        readers = [info for infos in busy.get("read", {}).values() for info in infos]
        numbers = {int(info["pid"]) for info in [*readers, *busy.get("write", {}).values()]}
    except FileNotFoundError:
        return
    except ValueError:
        numbers = set()
    if not any(_is_dvc(number) for number in numbers):
        path.unlink(missing_ok=True)


def _is_dvc(number: int) -> bool:
    try:
        return any("dvc" in Path(word).name for word in psutil.Process(number).cmdline())
    except psutil.Error:
        return False


def _dvc(workspace: Workspace, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=workspace.root,
        env=workspace.environment() | undisturbed(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.partition("ERROR: ")[2] or done.stderr or f"status {done.returncode}"
        command = " ".join(("dvc", *arguments))
        raise AssayError(
            f"`{command}` failed ({' '.join(said.split())[:400]}): type it in {workspace.root} to see more"
        )
