"""Real pictures with what is known of them, which no model learns from.

    pictures = labelled_pictures(folder, size=64, middle=0.5)           # labels.csv: file, spiral, handedness, …
    pictures = masked_pictures(folder, size=64)                         # <name>_image, _mask, and perhaps _published

Shape suffixes: b pictures, h height, w width.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from components.core import AssayError
from components.fields import read_picture

__label__ = "real_spirals"

_TABLE = "labels.csv"
_COLUMNS = ("file", "spiral", "handedness", "handedness_confidence")
_INSIDE = 0.5
Array = np.ndarray[Any, np.dtype[np.float32]]


class Labelled(NamedTuple):
    """Pictures with a table."""

    image_bhw: Array
    table: pd.DataFrame
    """`spiral` (1 or 0), `handedness` (S, Z or nothing) and `handedness_confidence` of each."""


class Masked(NamedTuple):
    """Pictures with masks."""

    image_bhw: Array
    mask_bhw: Array
    """1 where arms are."""
    published_bhw: Array | None
    """What another model answered, from 0 to 1; None where it is not known of all."""


def labelled_pictures(folder: Path, *, size: int, middle: float) -> Labelled:
    """Pictures that a table in their folder tells of.

    Args:
        folder: with `labels.csv`.
        size: pixels on a side of what a model is given.
        middle: share of each side that is looked at.

    Raises:
        AssayError: when there is no such table, or it lacks a column.
    """
    path = folder / _TABLE
    if not path.is_file():
        raise AssayError(f"evaluate.real_pictures = {str(folder)!r}: has no {_TABLE}: name a folder that has, or null")
    table = pd.read_csv(path, keep_default_na=False)
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        raise AssayError(f"{path} has no column {missing[0]}: it must have {', '.join(_COLUMNS)}")
    image_bhw = np.stack([_grey(folder / name, size, middle) for name in table["file"]])
    return Labelled(image_bhw, table)


def masked_pictures(folder: Path, *, size: int) -> Masked:
    """Pictures whose masks lie beside them, in folders below too.

    Args:
        folder: with files `<name>_image.png`, `<name>_mask.png`, and perhaps `<name>_published.png`.
        size: pixels on a side of what a model is given.

    Raises:
        AssayError: when there is none, or one has no mask.
    """
    paths = sorted(folder.rglob("*_image.png"))
    if not paths:
        raise AssayError(
            f"evaluate.real_pictures = {str(folder)!r}: has no *_image.png: name a folder that has, or null"
        )
    found: dict[str, list[Array]] = {"image": [], "mask": [], "published": []}
    for path in paths:
        for name, arrays in found.items():
            beside = path.with_name(path.name.replace("_image.png", f"_{name}.png"))
            if beside.is_file():
                arrays.append(_grey(beside, size, 1.0))
            elif name == "mask":
                raise AssayError(f"{path}: has no mask, {beside.name}: put it there, or take the picture away")
    published = np.stack(found["published"]) if len(found["published"]) == len(paths) else None
    return Masked(np.stack(found["image"]), (np.stack(found["mask"]) >= _INSIDE).astype(np.float32), published)


def _grey(path: Path, size: int, middle: float) -> Array:
    """The middle of a picture, its bands' mean, resized."""
    picture = np.asarray(read_picture(path), dtype=np.float32)
    grey = picture.mean(axis=2) if picture.ndim == 3 else picture
    height, width = (max(1, round(middle * side)) for side in grey.shape)
    top, left = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
    image = Image.fromarray(grey[top : top + height, left : left + width], mode="F")
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
