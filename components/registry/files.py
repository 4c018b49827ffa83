"""The files of registered versions: found, fetched once when they are remote, checked against the version's tags.

    folder = local_path("s3://bucket/galaxy-shape/…/model", home=home, kept=home / "downloads" / "galaxy-shape" / "3")
    description = verified_description(folder, version.tags, "galaxy-shape")

Only this wing uses it.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from components.core import AssayError, IntegrityError, file_sha256, value_digest
from components.fields import read_seen
from components.registry.connection import HOME_SCHEME
from components.registry.home_files import home_folder

LOGGED = "logged_model.digest"
"""Tag of a version: `logged_digest` of its logged model."""
_ADDED_BY_MLFLOW = "registered_model_meta"


def local_path(uri: str, *, home: Path, kept: Path) -> Path:
    """The file or folder behind an artifact URI, on this machine.

    Args:
        uri: of either.
        home: the state folder, in which some are.
        kept: where remote ones stay, so that they are fetched once.
    """
    parts = urlsplit(uri)
    if parts.scheme == HOME_SCHEME:
        return home_folder(uri, home)
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path))
    from mlflow.artifacts import download_artifacts

    path = kept / parts.path.rsplit("/", 1)[-1]
    if not path.exists():
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as scratch:
            Path(download_artifacts(artifact_uri=uri, dst_path=scratch)).replace(path)
    return path


def logged_digest(folder: Path) -> str:
    """Digest of all files of a logged model: of the code that MLflow runs to load it as well as of the weights.

    What MLflow itself adds when somebody loads the model is left out; bytecode is not, since it runs.
    """
    files = (file for file in folder.rglob("*") if file.is_file() and file != folder / _ADDED_BY_MLFLOW)
    return value_digest({file.relative_to(folder).as_posix(): file_sha256(file) for file in files})


@contextmanager
def fetched(uri: str, home: Path) -> Iterator[Path]:
    """The files behind an artifact URI as they are now: where they lie, or fetched anew from afar."""
    with tempfile.TemporaryDirectory() as scratch:
        yield local_path(uri, home=home, kept=Path(scratch))


def verified_description(folder: Path, tags: Mapping[str, str], problem: str) -> dict[str, Any]:
    """The description of a model in a folder, when its files are those that a version's tags name.

    Args:
        folder: with the weights and their description.
        tags: `weights.sha256`, and `description.sha256` once the model is registered.
        problem: for the message.

    Raises:
        IntegrityError: when a file is missing or another; the message names it.
    """
    from models.descriptions import DESCRIPTION, WEIGHTS, DamagedModelError, read_description

    hint = f"`assay rollback {problem}` returns to the version before, `assay train {problem}` makes a new one"
    try:
        description = read_description(folder)
    except DamagedModelError as error:
        raise IntegrityError(str(error), hint) from error
    if description["weights_sha256"] != tags["weights.sha256"]:
        raise IntegrityError(f"{folder / WEIGHTS} is not what was registered (SHA-256 differs)", hint)
    if tags.get("description.sha256") not in (None, file_sha256(folder / DESCRIPTION)):
        raise IntegrityError(f"{folder / DESCRIPTION} is not what was registered (SHA-256 differs)", hint)
    if "seen_images" in description:
        try:
            read_seen(folder, description["seen_images"])
        except AssayError as error:
            raise IntegrityError(error.what, hint) from error
    return description
