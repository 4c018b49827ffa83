"""The files of a dataset, and its splits, by name."""

from pathlib import Path

__label__ = "layout"

MANIFEST = "manifest.json"
CATALOGUE = "catalogue.parquet"
SPLITS = ("train", "validation", "test")


def shard_name(array: str, shard: int) -> str:
    """File name of one array in a shard."""
    return f"{array}-{shard:05d}.npy"


def array_name(file: str) -> str:
    """The array that a shard's file holds."""
    return Path(file).stem.rpartition("-")[0]
