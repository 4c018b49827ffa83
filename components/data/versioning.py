"""data/ as one version: this module alone meets DVC.

    versioned = version_data(workspace)      # data.dvc; commit it with the code that made the data
    restore(workspace)                       # the data that data.dvc names, from DVC's cache or remote

`dvc add` writes nothing but hashes and sizes, so that the same bytes give the same data.dvc. Working files are copies
(or reflinks) of the cache's, DVC's default: they can be written over without harm to the versions kept.
"""

import configparser
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from filelock import FileLock

from components.core import AssayError, IntegrityError, Workspace, read_git

DATA_FILE = "data.dvc"
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
    """Whether data.dvc is not what it was before."""
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


def data_md5(workspace: Workspace) -> str | None:
    """The digest in data.dvc, or None when there is no data.dvc.

    Raises:
        IntegrityError: when data.dvc is there but names no digest (a merge conflict, say).
    """
    path = workspace.root / DATA_FILE
    try:
        return str(yaml.safe_load(path.read_text(encoding="utf-8"))["outs"][0]["md5"])
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise IntegrityError(f"{path} names no data: type `git checkout {DATA_FILE}`") from error


def version_data(workspace: Workspace) -> DataVersion:
    """Have data.dvc name what is in data/ now, and the default remote, when there is one, hold it.

    Raises:
        AssayError: when there is no data, or DVC fails.
    """
    if not workspace.data.is_dir():
        raise AssayError(f"no data at {workspace.data}: type `assay simulate PROBLEM`")
    require_dvc(workspace)
    with _alone(workspace):
        before = (workspace.root / DATA_FILE).read_bytes() if (workspace.root / DATA_FILE).exists() else None
        _dvc(workspace, "add", "data")
        changed = (workspace.root / DATA_FILE).read_bytes() != before
        remote = _default_remote(workspace)
        if remote is not None:
            # Also when nothing changed: an earlier push may have been killed.
            _dvc(workspace, "push", DATA_FILE)
    md5 = data_md5(workspace)
    if md5 is None:
        raise AssayError(f"`dvc add data` left no {DATA_FILE} in {workspace.root}: type `dvc doctor`")
    return DataVersion(md5=md5, changed=changed, pushed=remote is not None)


def restore(workspace: Workspace) -> bool:
    """Bring back the data that data.dvc names.

    Files in data/ that no version keeps are never written over.

    Returns:
        Whether data/ is what data.dvc names; False when there is no data.dvc, when neither cache nor remote has the
        data, and when data/ holds files that would be lost.

    Raises:
        AssayError: when the remote cannot be reached, or DVC fails.
    """
    if data_md5(workspace) is None:
        return False
    require_dvc(workspace)
    with _alone(workspace):
        if _tries(workspace, "checkout"):
            return True
        return _default_remote(workspace) is not None and _tries(workspace, "pull")


def checkout_data(workspace: Workspace, md5: str) -> None:
    """Make data/ and data.dvc those of another version, from DVC's cache or remote.

    Raises:
        AssayError: when neither has it, or data/ holds what no version keeps; then nothing is changed.
    """
    path = workspace.root / DATA_FILE
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if data_md5(workspace) == md5 and restore(workspace):
        return
    done = False
    try:
        _replace(path, _data_file(workspace, md5))
        done = restore(workspace)
    finally:
        if not done and before is None:
            path.unlink(missing_ok=True)
        elif not done:
            _replace(path, str(before))
    if done:
        read_git(workspace.root, "add", "--", DATA_FILE)  # as DVC does with every data.dvc that it writes
        return
    raise AssayError(
        f"data {md5[:12]} is not to be had: DVC's cache and remote do not hold it, or data/ holds files that no "
        "version keeps: `dvc add data` keeps them, `dvc remote list` shows where DVC looks"
    )


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _data_file(workspace: Workspace, md5: str) -> str:
    """The data.dvc that names a version: git's own if a commit has it, so that git sees no difference."""
    commit = read_git(workspace.root, "log", "--all", "-1", "--format=%H", f"-S{md5}", "--", DATA_FILE)
    committed = read_git(workspace.root, "show", f"{commit}:{DATA_FILE}") if commit else None
    if committed and md5 in committed:
        return committed + "\n"
    return str(yaml.safe_dump({"outs": [{"md5": md5, "hash": "md5", "path": "data"}]}))


def _tries(workspace: Workspace, command: str) -> bool:
    """Whether DVC could; the reasons that are no failure of ours are told by their words, DVC having no codes."""
    try:
        _dvc(workspace, command, DATA_FILE)
    except AssayError as error:
        if "Checkout failed" in str(error) or "unsaved files" in str(error):
            return False
        raise
    return True


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One DVC command of ours at a time: DVC itself gives up after three seconds of waiting."""
    folder = workspace.home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "dvc.lock"):
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


def _default_remote(workspace: Workspace) -> str | None:
    """The remote that `dvc push` would use: core.remote, which config.local may overrule."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read([workspace.root / ".dvc" / "config", workspace.root / ".dvc" / "config.local"], encoding="utf-8")
    except configparser.Error as error:
        raise AssayError(f".dvc/config is not valid ({' '.join(str(error).split())}): correct it") from error
    return parser.get("core", "remote", fallback=None)


def _dvc(workspace: Workspace, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=workspace.root,
        env=workspace.environment() | os.environ,
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
