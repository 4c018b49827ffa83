"""A package on disk, in the workspace's own Bento store: found, checked, taken away.

    package = verify_package(workspace, "galaxy-shape:v3-0123456789ab", digest=entry.package_digest)

How it is made stands in `components/packages/building.py`, how it is served in `components/packages/serving.py`.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.core import AssayError, IntegrityError, Workspace, file_sha256, value_digest
from services.manifest import MODEL, DamagedPackageError, read_manifest

GOLDEN = f"{MODEL}/golden.safetensors"

_BENTO = "bento.yaml"
"""BentoML's own description: which service is started, and how."""
_MEND = "type `assay reconcile`, which builds the package of a stage again"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that was found whole."""

    tag: str
    """Name and version in the Bento store."""
    digest: str
    """Of every file but for the signature and the time of building: equal digests answer alike."""
    folder: Path
    """The Bento."""
    manifest: Mapping[str, Any]
    """What it says of itself; see `services/manifest.py`."""

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
    """The package, after each of its files was compared with the manifest.

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
    manifest = check_files(folder / "src", tag)
    digest_found = value_digest({"src": manifest["digest"], **_around(folder, tag)})
    package = Package(tag=tag, digest=digest_found, folder=folder, manifest=manifest)
    if digest not in (None, package.digest):
        raise IntegrityError(
            f"package {tag} in {folder} is not the one of the ledger (digest {package.digest[:12]}, not "
            f"{str(digest)[:12]})", _MEND,
        )  # fmt: skip
    return package


def discard_package(workspace: Workspace, tag: str) -> Path | None:
    """Take a package out of the store, whole or damaged, and keep it beside for whoever wants to know why.

    Returns:
        Where it is now; None when there was none.
    """
    folder = package_folder(workspace, tag)
    if not folder.exists():
        return None
    kept = workspace.home / "discarded" / f"{tag.replace(':', '-')}-{uuid.uuid4().hex[:8]}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(kept)
    return kept


def check_files(source: Path, tag: str) -> dict[str, Any]:
    """The manifest of a package's source, after each file was compared with it.

    Raises:
        IntegrityError: when a file is missing, added or not what was packaged; the message names it.
    """
    try:
        return read_manifest(source)
    except DamagedPackageError as error:
        raise IntegrityError(f"package {tag}: {error.file} {error.what}", _MEND) from error


def _around(folder: Path, tag: str) -> dict[str, Any]:
    """What BentoML built around the source, as far as it decides what is served and installed."""
    try:
        bento = yaml.safe_load((folder / _BENTO).read_text(encoding="utf-8"))
        del bento["creation_time"]
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError) as error:
        raise _damaged(folder, _BENTO, tag, "is missing or not what was packaged") from error
    files = [*(file for file in (folder / "env").rglob("*") if file.is_file()), folder / "src" / "bentofile.yaml"]
    if not files[-1].is_file():
        raise _damaged(folder, "src/bentofile.yaml", tag, "is missing")
    return {_BENTO: bento, **{str(file.relative_to(folder)): file_sha256(file) for file in files}}


def _damaged(folder: Path, file: str, tag: str, what: str) -> IntegrityError:
    return IntegrityError(f"package {tag}: {folder / file} {what}", _MEND)
