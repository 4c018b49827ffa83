"""By what an image is known again, whichever dataset holds it.

    seen = image_digests(dataset, names, dataset.rows("train"))      # sorted, eight bytes an image

A model keeps those of the images that it learned from: data that is drawn anew has forgotten them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.core import AssayError, file_sha256

if TYPE_CHECKING:
    from components.fields.dataset import Dataset

__label__ = None

Digests = np.ndarray[Any, np.dtype[np.uint64]]

SEEN = "seen_images.npy"
"""In a model's folder."""
_BLOCK = 512
"""Rows in memory at once."""


def image_digests(dataset: "Dataset", names: Sequence[str], rows: np.ndarray[Any, Any]) -> Digests:
    """The first eight bytes of the digest of each row, sorted, shape (rows,).

    Args:
        dataset: the images.
        names: of the arrays and columns that models' inputs and targets are made of.
        rows: row numbers.
    """
    found: list[str] = []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        hashes = [array_hashes(dataset.read([name], block)[name].numpy()) for name in dataset.shards if name in names]
        numbers = dataset.catalogue[stored_columns(dataset, names)].iloc[block]
        told = [map(repr, numbers[name].tolist()) for name in numbers]
        found += [row_hash(parts) for parts in zip(*hashes, *told, strict=True)]
    return np.sort(np.array([int(digest[:16], 16) for digest in found], dtype=np.uint64))


def keep_seen(
    folder: Path, dataset: "Dataset", names: Sequence[str], rows: np.ndarray[Any, Any]
) -> dict[str, str | dict[str, str]]:
    """Keep the digests of the images that a model learned from in its folder.

    Args:
        folder: the model's.
        dataset: the images.
        names: as of `image_digests`.
        rows: row numbers.

    Returns:
        `sha256` of the file and `fields`, what the digests are made of: for the model's description.
    """
    np.save(folder / SEEN, image_digests(dataset, names, rows), allow_pickle=False)
    return {"sha256": file_sha256(folder / SEEN), "fields": stored_kinds(dataset, names)}


def read_seen(folder: Path, described: Mapping[str, Any] | None) -> Digests:
    """What `keep_seen` kept.

    Args:
        folder: the model's.
        described: what it returned.

    Raises:
        AssayError: when the model keeps none, or they are not what was written.
    """
    path, hint = folder / SEEN, "`assay train` makes it anew"
    if described is None or not path.is_file():
        raise AssayError(f"{folder} does not keep which images it learned from", hint)
    if file_sha256(path) != described["sha256"]:
        raise AssayError(f"{path} is not what was written (SHA-256 differs)", hint)
    digests: Digests = np.load(path, allow_pickle=False)
    return digests


def stored_kinds(dataset: "Dataset", names: Sequence[str]) -> dict[str, str]:
    """The dtypes of those of some names that a dataset has; in other dtypes equal rows look different."""
    arrays = {name: str(dataset.shards[name][0].dtype) for name in names if name in dataset.shards}
    return arrays | {name: str(dataset.catalogue[name].dtype) for name in stored_columns(dataset, names)}


def stored_columns(dataset: "Dataset", names: Sequence[str]) -> list[str]:
    """Those of some names that are columns of the catalogue."""
    return [name for name in names if name in dataset.catalogue]


def array_hashes(array: np.ndarray[Any, Any]) -> list[str]:
    """A digest of each row of an array."""
    return [_digest(row.tobytes()) for row in array]


def row_hash(parts: Iterable[str]) -> str:
    """The digest of all that is stored of a row: its arrays' digests and its numbers."""
    return _digest(" ".join(parts).encode())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
