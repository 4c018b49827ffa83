"""How a dataset's rows are shared out: over the splits, and over the shards of each.

    for shard in shards(problem.counts(settings.simulate), size=settings.simulate.shard_size):
        drawn = problem.draw(settings.simulate, shard.split, shard.rows)

Every split is a random stream of its own, and every row of it has its own seed. So no image changes its split, whatever
their number, the shares, and however many lie in a file: a split only gets longer or shorter at its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from components.core import DataSettings, SimulationSettings
from components.fields.layout import HELD_OUT, SPLITS
from components.fields.randomness import Seeds, row_seeds

__label__ = "splits"


@dataclass(frozen=True, kw_only=True)
class ShardPlace:
    """Where the rows of one file belong."""

    split: str
    number: int
    """Among those of the split, from 0."""
    rows: range
    """Numbers of its rows within the split."""


def split_counts(settings: SimulationSettings) -> dict[str, int]:
    """Images of each split, where as many are drawn as are asked for."""
    shares = {split: getattr(settings, f"{split}_fraction") for split in ("validation", *HELD_OUT)}
    held_out = {split: max(1, round(settings.count * share)) for split, share in shares.items()}
    return {split: held_out.get(split, settings.count - sum(held_out.values())) for split in SPLITS}


def shards(counts: Mapping[str, int], *, size: int) -> list[ShardPlace]:
    """The files of a dataset, in the order of its catalogue.

    Args:
        counts: images of each split.
        size: of them in one file.
    """
    return [
        ShardPlace(split=split, number=number, rows=range(start, min(start + size, count)))
        for split, count in counts.items()
        for number, start in enumerate(range(0, count, size))
    ]


def drawing_seeds(settings: DataSettings, split: str, rows: range) -> Seeds:
    """What the images of some rows of a split are drawn by, shape (rows,): nothing else may decide them.

    Args:
        settings: with the dataset's seed.
        split: one of `SPLITS`.
        rows: row numbers within the split.
    """
    return row_seeds([settings.seed, SPLITS.index(split)], np.asarray(rows))
