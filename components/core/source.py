"""What git knows of the working tree: the commit a result came from, and whether it was changed since."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from components.core.environment import undisturbed
from components.core.errors import AssayError
from components.core.house import PACKAGES

__label__ = None

_CODE = ("py", "c", "h")
_WRITTEN = ("data.dvc", "dvc.lock")
"""Tracked files that Assay and DVC write themselves; what they name, a result names by its digest."""


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
    changed = read_git(
        root, "status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{of}" for of in _WRITTEN)
    )
    # Untracked code runs as tracked code does, even where git is told to ignore it; and so does what a link leads to.
    beside = read_git(root, "ls-files", "--others", "--", *(f"{name}/**.{kind}" for name in PACKAGES for kind in _CODE))
    linked = any((root / name).is_symlink() for name in PACKAGES)
    return Source(commit=commit, dirty=bool(changed or beside or linked))


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
