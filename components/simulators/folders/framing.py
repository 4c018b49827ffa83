"""Bring pictures of any size to the one that a model is given, by the rule that params.yaml states.

    picture_chw = framed(picture, settings)                   # float32, (channels, height, width)
    mask_hw = framed_mask(mask, settings, path)               # 0 and 1

Resized is by Pillow's bilinear filter, which averages over what a pixel covers; what comes of it is rounded.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from components.core import AssayError
from components.fields import rounded
from components.simulators.folders.settings import FolderSettings

__label__ = "framing"

_LUMA = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue in grey (ITU-R BT.601), as Pillow has it."""
_DECIMALS = 5

Array = np.ndarray[Any, Any]


def grey(picture: Array) -> Array:
    """One band of a picture, shape (height, width)."""
    return picture if picture.ndim == 2 else picture @ _LUMA


def bands_of(picture: Array) -> Array:
    """Red, green and blue of a picture, a grey one three times, shape (3, height, width)."""
    return np.stack([picture] * 3) if picture.ndim == 2 else np.moveaxis(picture, 2, 0)


def framed(picture: Array, settings: FolderSettings, path: Path) -> Array:
    """A picture as a model is given it, float32, shape (channels, height, width).

    Raises:
        AssayError: when pixels are to be cut out of it that it has not.
    """
    bands = bands_of(picture) if settings.channels == 3 else [grey(picture)]
    return np.stack([_resized(band, settings, path) for band in bands]).astype(np.float32)


def framed_mask(mask: Array, settings: FolderSettings, path: Path) -> Array:
    """A mask in the same frame, float32 of 0 and 1, shape (height, width).

    Raises:
        AssayError: when it has more than two values.
    """
    band = grey(mask)
    values = np.unique(band)
    if len(values) > 2:
        raise AssayError(
            f"{path}: has {len(values)} values, {values[0]:g} to {values[-1]:g}: a mask has two; save it without "
            "smoothing or as PNG"
        )
    inside = (band > 0).astype(np.float32)
    return (_resized(inside, settings, path) >= 0.5).astype(np.float32)


def _resized(band_hw: Array, settings: FolderSettings, path: Path) -> Array:
    wanted = (settings.height, settings.width)
    if settings.framing == "cut":
        return _middle(band_hw, wanted, path)
    if settings.framing == "crop":
        high, wide = band_hw.shape
        scale = min(high / wanted[0], wide / wanted[1])
        band_hw = _middle(band_hw, (min(high, round(wanted[0] * scale)), min(wide, round(wanted[1] * scale))), path)
    picture = Image.fromarray(np.ascontiguousarray(band_hw, dtype=np.float32))
    resized = picture.resize((wanted[1], wanted[0]), Image.Resampling.BILINEAR)
    return rounded(np.asarray(resized, dtype=np.float64), decimals=_DECIMALS)


def _middle(band_hw: Array, wanted: tuple[int, int], path: Path) -> Array:
    spare = [have - want for have, want in zip(band_hw.shape, wanted, strict=True)]
    if min(spare) < 0:
        high, wide = band_hw.shape
        raise AssayError(
            f"{path}: has {high} × {wide} pixels, and {wanted[0]} × {wanted[1]} are to be cut out of its middle: "
            "ask for fewer (height, width), or for `framing: crop`"
        )
    top, left = (of // 2 for of in spare)
    return band_hw[top : top + wanted[0], left : left + wanted[1]]
