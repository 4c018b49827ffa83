"""An image on pixels of another size: what fell on the old ones is shared out over the new ones, and none is lost.

    image, times = resampled(counts, 0.05, 0.23, (64, 64))       # times: noise of a new pixel over that of an old one

Each new pixel has of each old one the share that lies in it: sums are kept. Neighbours share old pixels, so that their
noise is correlated, and the pixel's own width is added to the PSF.
"""

from typing import Any

import numpy as np

from components.core import AssayError

__label__ = None


def resampled(
    image: np.ndarray[Any, Any], scale: float, wanted: float, shape: tuple[int, int]
) -> tuple[np.ndarray[Any, Any], float]:
    """The image about the same middle.

    Args:
        image: counts a pixel, shape (height, width).
        scale: of a pixel of it.
        wanted: of a new pixel, in the same unit.
        shape: of the new image.

    Returns:
        The new image, and how many times the noise of an old pixel that of a new one is, at its middle.

    Raises:
        AssayError: when the image does not cover the new one.
    """
    for old, new in zip(image.shape, shape, strict=True):
        if new * wanted > old * scale * (1 + 1e-6):
            raise AssayError(f"covers {old * scale:.4g} arcsec, and {new * wanted:.4g} are needed: cut a larger image")
    rows, columns = (_shares(old, new, wanted / scale) for old, new in zip(image.shape, shape, strict=True))
    middle = rows[shape[0] // 2], columns[shape[1] // 2]
    return rows @ image @ columns.T, float(np.prod([np.sqrt((share**2).sum()) for share in middle]))


def _shares(old: int, new: int, width: float) -> np.ndarray[Any, Any]:
    """Of each old pixel (columns) in each new one (rows), which is as many old ones wide."""
    edges, left = old / 2 + width * (np.arange(new + 1) - new / 2), np.arange(old)
    shares: np.ndarray[Any, Any] = np.minimum(edges[1:, None], left + 1) - np.maximum(edges[:-1, None], left)
    return shares.clip(0)
