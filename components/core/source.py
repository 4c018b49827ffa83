"""What git knows of the working tree: the commit a result came from, and whether it was changed since."""

import os
import subprocess
from dataclasses import dataclass
from importlib.machinery import all_suffixes
from pathlib import Path

from components.core.environment import undisturbed
from components.core.errors import AssayError
from components.core.house import PACKAGES

__label__ = None

_BESIDE = ("params.yaml",)
"""What decides beside the packages."""
_COMPILED = (".c", ".h")
_IMPORTED = frozenset(all_suffixes())
RESULTS = "results"
"""Folder of what DVC shows of the latest models."""
_WRITTEN = ("data.dvc", "dvc.lock", RESULTS)
"""What may be tracked and Assay and DVC write themselves; what it names, a result names by its digest."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The state of the repository when a result was made."""

    commit: str
    """Full hash of HEAD."""
    dirty: bool
    """Whether what ran is not all in that commit: a tracked file differs from it, or code lies beside it."""


def read_source(root: Path) -> Source:
    """The commit of the repository that is ``root``.

    Raises:
        AssayError: when there is none, it begins in a folder above, it has no commit, or git will not read it.
    """
    top = read_git(root, "rev-parse", "--show-toplevel")
    if top is None:
        raise AssayError(f"no git repository at {root}: a model must name its commit; clone Assay, or type `git init`")
    if Path(top) != root.resolve():
        raise AssayError(
            f"the git repository around {root} is that of {top}: its commits are another project's; "
            f"clone Assay, or type `git init` in {root}"
        )
    commit = read_git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        raise AssayError(f"the git repository at {root} has no commit: type `git add -A && git commit`")
    return Source(commit=commit, dirty=_is_changed(root) or not _code_of(root) <= _looked_at(root))


def is_committed(root: Path, name: str) -> bool:
    """Whether a file is what HEAD holds of it, whatever git was told to believe of it."""
    held = read_git(root, "rev-parse", "--verify", "--quiet", f"HEAD:{name}")
    return held is not None and held == read_git(root, "hash-object", "--", name)


def _is_changed(root: Path) -> bool:
    """Whether a tracked file differs from HEAD."""
    excepted = (f":!{name}" for name in _WRITTEN)
    return bool(_answer(root, "status", "--porcelain", "--untracked-files=no", "--", ".", *excepted))


def _code_of(root: Path) -> set[str]:
    """What can be run of the packages' folders, whoever put it there: git passes over some of it, Python does not.

    What a link leads to has no name that git could track: the commit holds the link alone.
    """
    found = {name for name in _BESIDE if (root / name).exists()}
    for package in PACKAGES:
        paths = [root / package]
        for folder, folders, files in os.walk(root / package):
            folders[:] = [name for name in folders if name != "__pycache__"]
            paths += [Path(folder) / name for name in (*folders, *filter(_runs, files))]
        links = [path for path in paths if path.is_symlink()]
        found.update(f"{path.relative_to(root)}/" for path in links)
        found.update(str(path.relative_to(root)) for path in paths if path.is_file())
    return found


def _runs(name: str) -> bool:
    """Whether a file is compiled or can be imported by its name."""
    stem, _, suffix = name.partition(".")
    return name.endswith(_COMPILED) or (stem.isidentifier() and f".{suffix}" in _IMPORTED)


def _looked_at(root: Path) -> set[str]:
    """What git tracks and compares, without what it was told to pass over (`assume-unchanged`, `skip-worktree`)."""
    lines = _answer(root, "ls-files", "-v", "-z", "--", *PACKAGES, *_BESIDE).split("\0")
    return {line[2:] for line in lines if line.startswith("H ")}


def _answer(root: Path, *arguments: str) -> str:
    """What git says; a tree that it cannot judge is not taken for clean."""
    said = read_git(root, *arguments)
    if said is None:
        raise AssayError(f"git cannot say what has changed in {root}: type `git status` there to see why, then repeat")
    return said


def read_git(root: Path, *arguments: str) -> str | None:
    """What a git command says; None when it fails.

    Raises:
        AssayError: when git is not there, or will not read a folder of somebody else's.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=undisturbed()
            | {"LC_ALL": "C"},  # a hook that called us names its own repository; messages are read here
        )
    except FileNotFoundError as error:
        raise AssayError("git is not installed: Assay names the commit of every model; install git") from error
    if "dubious ownership" in done.stderr:
        raise AssayError(
            f"git does not read {root}, which belongs to another account: if you trust it, type "
            f"`git config --global --add safe.directory {root.resolve()}`"
        )
    return done.stdout.strip() if done.returncode == 0 else None
