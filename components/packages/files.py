"""A package on disk, in the workspace's own Bento store: found, checked, taken away.

    package = verify_package(workspace, "galaxy-shape:v3-0123456789ab", digest=entry.package_digest)

How it is made stands in `components/packages/building.py`, how it is served in `components/packages/serving.py`.
"""

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core import AssayError, IntegrityError, Workspace
from services.ids import given_by as given_by
from services.manifest import MODEL, read_manifest
from services.verify import DamagedPackageError, check_files

GOLDEN = f"{MODEL}/golden.safetensors"

DISCARDED = "discarded"
"""The folder of the state folder for what was put aside."""

_MEND = "type `assay reconcile`, which brings the package of a stage back"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that was found whole."""

    tag: str
    """Name and version in the Bento store."""
    digest: str
    """SHA-256 of the list of its files, of which a signature is none: equal digests answer alike."""
    folder: Path
    """The Bento."""
    manifest: Mapping[str, Any]
    """What it says of itself (`services/manifest.py`)."""

    @property
    def source(self) -> Path:
        """The folder with services/, models/ and model/."""
        return self.folder / "src"

    @property
    def model(self) -> Path:
        """The folder in it with weights and description."""
        return self.source / MODEL


def package_folder(workspace: Workspace, tag: str) -> Path:
    """Where the store keeps the package of a tag, whether it is there or not."""
    name, _, version = tag.partition(":")
    return Path(workspace.environment()["BENTOML_HOME"]) / "bentos" / name / version


def verify_package(workspace: Workspace, tag: str, *, digest: str | None = None) -> Package:
    """The package, after each of its files was compared with its list.

    Args:
        workspace: where its store is.
        tag: the package.
        digest: that of the ledger; any by default.

    Raises:
        IntegrityError: when a file is missing, added or not what was packaged; the message names it.
        AssayError: when there is no such package.
    """
    folder = package_folder(workspace, tag)
    if not folder.is_dir():
        raise AssayError(f"no package {tag} in {folder.parents[1]}", _MEND)
    package = open_package(folder, tag)
    if digest not in (None, package.digest):
        raise IntegrityError(
            f"package {tag} in {folder} is not the one of the ledger (digest {package.digest[:12]}, not "
            f"{str(digest)[:12]})", _MEND,
        )  # fmt: skip
    return package


def open_package(folder: Path, tag: str) -> Package:
    """The package in a folder, after each of its files was compared with its list; caches of Python are taken away.

    Raises:
        IntegrityError: when a file is missing, added or not what was packaged; the message names it.
    """
    for cache in folder.rglob("__pycache__"):
        if not cache.is_symlink():  # which is refused, like any other
            shutil.rmtree(cache, ignore_errors=True)  # Python would believe it, whatever the sources say
    try:
        return Package(tag=tag, digest=check_files(folder), folder=folder, manifest=read_manifest(folder / "src"))
    except DamagedPackageError as error:
        raise IntegrityError(f"package {tag}: {error.file} {error.what}", _MEND) from error


def discard_package(workspace: Workspace, tag: str) -> Path | None:
    """Take a package out of the store, whole or damaged, and keep it beside for whoever wants to know why.

    Returns:
        Where it is now; None when there was none.
    """
    folder = package_folder(workspace, tag)
    if not folder.exists():
        return None
    kept = workspace.home / DISCARDED / f"{tag.replace(':', '-')}-{uuid.uuid4().hex[:8]}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(kept)
    return kept
