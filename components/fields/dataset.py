"""A dataset on disk: a Parquet catalogue, noise-free stamps in a few .npy shards, and a manifest of SHA-256 digests.

    dataset = Dataset.open(workspace.dataset("galaxy-shape"))     # checks every digest
    images = dataset.stamps("train")

The manifest names the inputs that made the dataset (`key`), so that a dataset that is already there is not made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.core import AssayError, IntegrityError, file_sha256, read_sealed
from components.fields.layout import CATALOGUE, MANIFEST

__label__ = "dataset"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One problem's images and catalogue; opening it checks every file against the manifest."""

    folder: Path
    manifest: Mapping[str, Any]
    """`problem`, `key`, `inputs`, `fingerprint` and `files` (name to SHA-256)."""

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """Open a dataset after checking that each file is what was written.

        Raises:
            AssayError: when there is no dataset.
            IntegrityError: when a file is missing, cut short or changed; the file is named.
        """
        manifest = read_manifest(folder)
        if manifest is None:
            raise AssayError(f"no dataset at {folder}: type `assay simulate {folder.name}`")
        for name, (size, digest) in manifest["files"].items():
            _check_file(folder / name, size, digest, problem=folder.name)
        return cls(folder=folder, manifest=manifest)

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """One row an image; row i belongs to image i of the shards laid end to end."""
        return pd.read_parquet(self.folder / CATALOGUE)

    @cached_property
    def shards(self) -> list[np.ndarray[Any, Any]]:
        """Memory-mapped stamps, float32, shape (rows, height, width) each."""
        names = sorted(name for name in self.manifest["files"] if name.endswith(".npy"))
        return [np.load(self.folder / name, mmap_mode="r", allow_pickle=False) for name in names]

    @cached_property
    def _starts(self) -> np.ndarray[Any, Any]:
        return np.cumsum([0, *(len(shard) for shard in self.shards)])

    def rows(self, split: str) -> np.ndarray[Any, Any]:
        """Row numbers of a split, ascending."""
        return np.flatnonzero((self.catalogue["split"] == split).to_numpy())

    def stamps(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Noise-free stamps of the given rows, in the order given, float32."""
        height, width = self.shards[0].shape[1:]
        picked = np.empty((len(rows), height, width), dtype=np.float32)
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(shard_of):
            here = np.flatnonzero(shard_of == shard)
            picked[here] = self.shards[shard][rows[here] - self._starts[shard]]
        return picked

    def columns(self, names: tuple[str, ...], rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Catalogue columns side by side for the given rows, float32, shape (rows, columns)."""
        return self.catalogue.loc[rows, list(names)].to_numpy(dtype=np.float32, copy=True)


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
        raise IntegrityError(f"{folder / MANIFEST} is not what was written", restore_hint(folder.name)) from error


def restore_hint(problem: str) -> str:
    """What to type when a dataset on disk is damaged."""
    return f"`assay simulate {problem} --force` makes it anew, `dvc checkout --force` restores a cached one"


def _check_file(path: Path, size: int, digest: str, *, problem: str) -> None:
    try:
        actual = path.stat().st_size
    except FileNotFoundError as error:
        raise IntegrityError(f"{path} is missing: {restore_hint(problem)}") from error
    if actual != size:
        raise IntegrityError(f"{path} has {actual} bytes and should have {size}: {restore_hint(problem)}")
    if file_sha256(path) != digest:
        raise IntegrityError(f"{path} is not what was written (SHA-256 differs): {restore_hint(problem)}")
