"""Tables about a dataset's images, for tools that understand tables only.

    images = image_statistics(dataset)                          # one row an image
    whole = dataset_statistics(dataset, images)                 # one row in all

Arrays are read a block at a time, so that memory does not grow with the dataset.
"""

from collections.abc import Sequence
from itertools import islice, zip_longest

import numpy as np
import pandas as pd

from components.fields import HELD_OUT, LEARNED_FROM, SPLITS, Dataset, array_hashes, row_hash, stored_columns

_HASH = "hash"


def image_statistics(dataset: Dataset, stored: Sequence[str]) -> pd.DataFrame:
    """The catalogue with what was measured on each row's arrays beside it.

    A damaged dataset gives a table too: where the catalogue and the shards differ in length, the shorter one is
    filled up with missing values, and infinite catalogue values count as missing, since an infinite bound bounds
    nothing.

    Args:
        dataset: the dataset.
        stored: names of the arrays and columns that a model's inputs and targets are made of.

    Returns:
        One row an image: every catalogue column, then for each array `<name>_min`, `<name>_max`, `<name>_mean` and
        `<name>_not_finite` (share of the values that are NaN or infinite), and `stored_hash` (a digest of all that is
        stored of the row, equal for equal rows).
    """
    parts = [_measure(dataset, name) for name in dataset.shards]
    hashes = [part.pop(_HASH).tolist() for part in parts]
    told = [map(repr, dataset.catalogue[name].tolist()) for name in stored_columns(dataset, stored)]
    count = max(len(dataset.catalogue), *(len(column) for column in hashes), 0)
    rows = islice(zip_longest(*hashes, *told, fillvalue=""), count)
    digests = [row_hash(row) for row in rows]
    catalogue = dataset.catalogue.reset_index(drop=True).replace([np.inf, -np.inf], np.nan)
    return pd.concat([catalogue, *parts, pd.Series(digests, name="stored_hash", dtype=object)], axis=1)


def dataset_statistics(dataset: Dataset, images: pd.DataFrame) -> pd.DataFrame:
    """What can be said of a dataset as a whole only.

    Args:
        dataset: the dataset.
        images: its `image_statistics`.

    Returns:
        One row: `rows` (of the catalogue), `<array>_rows` (of the shards), `<split>_rows` and `<split>_fraction` for
        each split, `test_overlap` and `confirmation_overlap` (their images that are in a split before them too) and
        `duplicates` (rows that repeat an earlier one).
    """
    rows = len(dataset.catalogue)
    row: dict[str, float] = {"rows": rows}
    row |= {f"{name}_rows": sum(map(len, shards)) for name, shards in dataset.shards.items()}
    split = images["split"] if "split" in images else pd.Series(np.nan, index=images.index)
    for name in SPLITS:
        count = int((split == name).sum())
        row[f"{name}_rows"] = count
        row[f"{name}_fraction"] = count / rows if rows else 0.0
    digests = images["stored_hash"]
    for name in HELD_OUT:
        others = digests[split.isin([*LEARNED_FROM, *HELD_OUT[: HELD_OUT.index(name)]])]
        row[f"{name}_overlap"] = int(digests[split == name].dropna().isin(others).sum())
    row["duplicates"] = int(digests.dropna().duplicated().sum())
    return pd.DataFrame([row])


def _measure(dataset: Dataset, name: str) -> pd.DataFrame:
    """What can be said of each row of one array."""
    blocks = []
    for block in dataset.blocks(name):
        values = block.reshape(len(block), -1).astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):  # `_not_finite` tells of what is not
            numbers = {"min": values.min(axis=1), "max": values.max(axis=1), "mean": values.mean(axis=1)}
        numbers["not_finite"] = 1 - np.isfinite(values).mean(axis=1)
        table = pd.DataFrame({f"{name}_{key}": column for key, column in numbers.items()})
        blocks.append(table.assign(**{_HASH: array_hashes(block)}))
    if not blocks:
        return pd.DataFrame({f"{name}_{key}": [] for key in ("min", "max", "mean", "not_finite")} | {_HASH: []})
    return pd.concat(blocks, ignore_index=True)
