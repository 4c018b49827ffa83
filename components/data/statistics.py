"""Tables about a dataset's images, for tools that understand tables only.

    images = image_statistics(dataset)                          # one row an image
    whole = dataset_statistics(dataset, images)                 # one row in all

The stamps are read a block at a time, so that memory does not grow with the dataset.
"""

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from components.fields import SPLITS, Dataset

_BLOCK = 512
"""Stamps in memory at once: 17 MB as float64 at 64 × 64 pixels, which stays close to the processor's caches."""


def image_statistics(dataset: Dataset) -> pd.DataFrame:
    """The catalogue with what was measured on each noise-free stamp beside it.

    A damaged dataset gives a table too: where the catalogue and the shards differ in length, the shorter one is
    filled up with missing values, and infinite catalogue values count as missing, since an infinite bound bounds
    nothing.

    Returns:
        One row an image: every catalogue column, then
        `stamp_flux` (sum of the pixels, in the stamp's unit), `stamp_offset` (distance of the flux-weighted centroid
        from the middle of the stamp, pixels), `stamp_size` (root of the mean second central moment, pixels),
        `stamp_max` (brightest pixel), `stamp_not_finite` (share of pixels that are NaN or infinite), and `stamp_hash`
        (a digest of the pixels, equal for equal stamps).
    """
    blocks = [
        _measure(np.asarray(shard[start : start + _BLOCK]))
        for shard in dataset.shards
        for start in range(0, len(shard), _BLOCK)
    ]
    measured = pd.concat(blocks or [_measure(np.empty((0, 1, 1), dtype=np.float32))], ignore_index=True)
    catalogue = dataset.catalogue.reset_index(drop=True).replace([np.inf, -np.inf], np.nan)
    images = pd.concat([catalogue, measured], axis=1)
    return images


def dataset_statistics(dataset: Dataset, images: pd.DataFrame) -> pd.DataFrame:
    """What can be said of a dataset as a whole only.

    Args:
        dataset: the dataset.
        images: its `image_statistics`.

    Returns:
        One row: `rows` (of the catalogue), `stamps` (of the shards), `<split>_rows` and `<split>_fraction` for each
        split, `test_overlap` (test images whose stamp is in another split too) and `duplicates` (stamps that repeat an
        earlier one).
    """
    rows = len(dataset.catalogue)
    row: dict[str, float] = {"rows": rows, "stamps": sum(len(shard) for shard in dataset.shards)}
    split = images["split"] if "split" in images else pd.Series(np.nan, index=images.index)
    for name in SPLITS:
        count = int((split == name).sum())
        row[f"{name}_rows"] = count
        row[f"{name}_fraction"] = count / rows if rows else 0.0
    digests = images["stamp_hash"]
    held_out = digests[split == "test"].dropna()
    row["test_overlap"] = int(held_out.isin(digests[split.isin(["train", "validation"])]).sum())
    row["duplicates"] = int(digests.dropna().duplicated().sum())
    return pd.DataFrame([row])


def _measure(stamp_bhw: np.ndarray[Any, Any]) -> pd.DataFrame:
    count, height, width = stamp_bhw.shape
    y, x = np.mgrid[:height, :width].reshape(2, -1) - np.array([[(height - 1) / 2], [(width - 1) / 2]])
    pixel_bn = stamp_bhw.reshape(count, height * width).astype(np.float64)
    # One matrix product for all moments. They are meaningless where the flux is zero or a pixel is not finite; what
    # comes out then is NaN or infinite, and `stamp_not_finite` and `stamp_max` tell why.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        flux, first_x, first_y, second = (pixel_bn @ np.stack([np.ones_like(x), x, y, x * x + y * y], axis=1)).T
        centre_x, centre_y = first_x / flux, first_y / flux
        return pd.DataFrame(
            {
                "stamp_flux": flux,
                "stamp_offset": np.hypot(centre_x, centre_y),
                "stamp_size": np.sqrt((second / flux - centre_x**2 - centre_y**2) / 2),
                "stamp_max": pixel_bn.max(axis=1),
                "stamp_not_finite": 1 - np.isfinite(pixel_bn).mean(axis=1),
                "stamp_hash": [hashlib.blake2b(stamp.tobytes(), digest_size=16).hexdigest() for stamp in stamp_bhw],
            }
        )
