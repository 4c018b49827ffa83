"""The manifest of a package, and whether each of its files is what was packaged: the one reader of both.

    manifest = read_manifest(source)     # {"model": …, "files": {name: SHA-256}, "code": {label: digest}, "digest": …}

The service reads it before it answers, Assay before it serves, proves or promotes a package.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

MODEL = "model"
"""The folder of a package's source that holds what is no code."""
MANIFEST = f"{MODEL}/package.json"
SIGNATURE = f"{MODEL}/package.sig"
_UNLISTED = {MANIFEST, SIGNATURE, "bentofile.yaml"}
"""What lies in the source beside the files of the manifest."""


class DamagedPackageError(ValueError):
    """A file of a package is not what was packaged.

    Args:
        file: the file.
        what: what is wrong with it.
    """

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(f"{file} {what}: the package is damaged")
        self.file, self.what = file, what


def manifest_digest(document: dict[str, Any]) -> str:
    """SHA-256 of a manifest that has no digest yet."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode()).hexdigest()


def read_manifest(source: Path) -> dict[str, Any]:
    """The manifest of a package, after each of its files was compared with it.

    Args:
        source: the folder that holds services/, models/ and model/.

    Raises:
        DamagedPackageError: when a file is missing, added or not what was packaged; the message names it.
    """
    path = source / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        recorded, files = manifest["digest"], dict(manifest["files"])
        actual = manifest_digest({name: value for name, value in manifest.items() if name != "digest"})
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedPackageError(path, f"is missing or no manifest ({type(error).__name__})") from error
    if actual != recorded:
        raise DamagedPackageError(path, "is not what was packaged")
    for name, digest in files.items():
        file = source / name
        if not file.is_file():
            raise DamagedPackageError(file, "is missing")
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise DamagedPackageError(file, "is not what was packaged")
    for file in source.rglob("*"):
        if file.is_symlink():  # what it leads to is under no digest
            raise DamagedPackageError(file, "is a link")
        # One file more is a danger too: a `torch.py` here would be imported in place of torch.
        known = str(file.relative_to(source)) in {*files, *_UNLISTED} or "__pycache__" in file.parts
        if file.is_file() and not known:
            raise DamagedPackageError(file, "was not packaged")
    return manifest
