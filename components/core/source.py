"""What git knows of the working tree: the commit a result came from, and whether it was changed since."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import AssayError

__label__ = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """The state of the repository when a result was made."""

    commit: str
    """Full hash of HEAD."""
    dirty: bool
    """Whether tracked files differed from HEAD."""


def read_source(root: Path) -> Source:
    """The commit of the repository around ``root``.

    Raises:
        AssayError: when there is no repository, or no commit in it.
    """
    if read_git(root, "rev-parse", "--show-toplevel") is None:
        raise AssayError(f"no git repository at {root}: a model must name its commit; clone Assay, or type `git init`")
    commit = read_git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        raise AssayError(f"the git repository at {root} has no commit: type `git add -A && git commit`")
    return Source(commit=commit, dirty=bool(read_git(root, "status", "--porcelain", "--untracked-files=no")))


def read_git(root: Path, *arguments: str) -> str | None:
    """What a git command says; None when it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise AssayError("git is not installed: Assay names the commit of every model; install git") from error
    return done.stdout.strip() if done.returncode == 0 else None
