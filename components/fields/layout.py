"""The files of a dataset, and its splits, by name."""

__label__ = "layout"

MANIFEST = "manifest.json"
CATALOGUE = "catalogue.parquet"
SPLITS = ("train", "validation", "test")


def shard_name(shard: int) -> str:
    """File name of a shard."""
    return f"stamps-{shard:05d}.npy"
