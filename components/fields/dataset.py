"""A dataset on disk: a Parquet catalogue, named arrays in a few .npy shards, and a manifest of SHA-256 digests.

    dataset = Dataset.open(workspace.dataset("galaxy-shape"))                  # hashes every file
    dataset = Dataset.open(folder, KnownDigests(folder=workspace.digests))    # only what was written to since
    stored = dataset.read(("image", "sigma"), dataset.rows("train")[:256])

Everything in its folder is the same to the byte wherever the locked libraries drew it; data.dvc, beside it, says what
drew it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.core import AssayError, IntegrityError, KnownDigests, file_sha256, read_sealed, value_digest
from components.fields.borders import column_values
from components.fields.layout import CATALOGUE, MANIFEST, SPLITS, read_shard_name

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "dataset"

_BLOCK = 512
"""Rows in memory at once where all of an array is looked at."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One problem's images and catalogue; opening it checks every file against the manifest."""

    folder: Path
    manifest: Mapping[str, Any]
    """`problem`, `settings`, `fingerprint` and `files` (name to size and SHA-256)."""
    known: KnownDigests | None = field(default=None, compare=False, repr=False)
    """By what it was checked; for other processes that open it."""

    @classmethod
    def open(cls, folder: Path, known: KnownDigests | None = None) -> "Dataset":
        """Open a dataset after checking that each file is what was written.

        Args:
            folder: where it lies.
            known: of files that nobody wrote to since they were hashed; every file is hashed where none are given.

        Raises:
            AssayError: when there is no dataset.
            IntegrityError: when a file is missing, cut short or changed; the file is named.
        """
        manifest = read_manifest(folder)
        if manifest is None:
            raise AssayError(f"no dataset at {folder}: type `assay simulate {folder.name}`")
        dataset = cls(folder=folder, manifest=manifest, known=known)
        dataset.check(known.sha256 if known else file_sha256)
        return dataset

    def check(self, sha256: Callable[[Path], str] = file_sha256) -> None:
        """Hold every file against the manifest.

        Args:
            sha256: says a file's digest; by default each is hashed.

        Raises:
            IntegrityError: as of `open`.
        """
        for name, (size, digest) in self.manifest["files"].items():
            _check_file(self.folder / name, size, digest, sha256)

    @cached_property
    def digest(self) -> str:
        """Of all that it is: what results that were made of it are known by."""
        return value_digest(self.manifest)

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """One row an image; row i belongs to entry i of the shards laid end to end."""
        return pd.read_parquet(self.folder / CATALOGUE)

    @cached_property
    def shards(self) -> dict[str, list[np.ndarray[Any, Any]]]:
        """The memory-mapped shards of each array, shape (rows, …) each."""
        found: dict[str, list[np.ndarray[Any, Any]]] = {}
        names = [name for name in self.manifest["files"] if name.endswith(".npy")]
        for name in sorted(names, key=_place):
            array = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
            found.setdefault(read_shard_name(name)[0], []).append(array)
        return found

    def rows(self, split: str) -> np.ndarray[Any, Any]:
        """Row numbers of a split, ascending."""
        return np.flatnonzero((self.catalogue["split"] == split).to_numpy())

    def read(self, names: Sequence[str], rows: np.ndarray[Any, Any]) -> "dict[str, Tensor]":
        """Arrays and catalogue columns of the given rows, in the order given; columns as float32, or int64 as they are.

        Args:
            names: of arrays and columns.
            rows: row numbers.

        Raises:
            AssayError: when there is no array and no column of a name.
        """
        import torch

        return {name: torch.from_numpy(self._picked(name, rows)) for name in names}

    def blocks(self, name: str) -> Iterator[np.ndarray[Any, Any]]:
        """All of an array, a block of rows at a time, so that memory does not grow with the dataset."""
        for shard in self.shards[name]:
            for start in range(0, len(shard), _BLOCK):
                yield np.asarray(shard[start : start + _BLOCK])

    def _picked(self, name: str, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if name not in self.shards:
            if name not in self.catalogue:
                known = ", ".join([*self.shards, *map(str, self.catalogue)])
                raise AssayError(f"{self.folder} has no {name}: it has {known}", restore_hint(self.folder))
            column: np.ndarray[Any, Any] = column_values(self.catalogue[name])[rows]
            return column
        shards = self.shards[name]
        starts = np.cumsum([0, *map(len, shards)])
        picked = np.empty((len(rows), *shards[0].shape[1:]), dtype=shards[0].dtype)
        shard_of = np.searchsorted(starts, rows, side="right") - 1
        for shard in np.unique(shard_of):
            here = np.flatnonzero(shard_of == shard)
            picked[here] = shards[shard][rows[here] - starts[shard]]
        return picked


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a dataset folder, or None when there is none.

    Raises:
        IntegrityError: when it is there and is not what was written.
    """
    try:
        return read_sealed(folder / MANIFEST)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise IntegrityError(f"{folder / MANIFEST} is not what was written", restore_hint(folder)) from error


def restore_hint(folder: Path) -> str:
    """What to type when a dataset on disk is damaged."""
    if folder.parent.name != "data":  # it is still being drawn
        return f"`assay simulate {folder.parent.name} --force` makes it anew"
    made = f"`assay simulate {folder.name} --force` makes it anew"
    return f"{made}, `dvc checkout --force data/{folder.name}` restores a cached one"


def _place(file: str) -> tuple[str, int, int]:
    """Where a shard's file stands among the others: as the catalogue's rows do."""
    array, split, number = read_shard_name(file)
    return array, SPLITS.index(split), number


def _check_file(path: Path, size: int, digest: str, sha256: Callable[[Path], str]) -> None:
    try:
        actual = path.stat().st_size
    except FileNotFoundError as error:
        raise IntegrityError(f"{path} is missing: {restore_hint(path.parent)}") from error
    if actual != size:
        raise IntegrityError(f"{path} has {actual} bytes and should have {size}: {restore_hint(path.parent)}")
    if sha256(path) != digest:
        raise IntegrityError(f"{path} is not what was written (SHA-256 differs): {restore_hint(path.parent)}")
