"""The files of a dataset, and its splits, by name."""

from pathlib import Path

__label__ = "layout"

MANIFEST = "manifest.json"
CATALOGUE = "catalogue.parquet"
SPLITS = ("train", "validation", "test", "confirmation")
"""What learns, what chooses, what is judged on, and what only a promotion to production is judged on, in the order of
the catalogue. A split's images are drawn by its place in here: a new one goes last."""
LEARNED_FROM, HELD_OUT = SPLITS[:2], SPLITS[2:]
"""What a model may have seen, and what none may."""


def shard_name(array: str, split: str, number: int) -> str:
    """File name of one array in a split's shard."""
    return f"{array}-{split}-{number:05d}.npy"


def read_shard_name(file: str) -> tuple[str, str, int]:
    """Array, split and number of a shard's file."""
    array, split, number = Path(file).stem.rsplit("-", 2)
    return array, split, int(number)
