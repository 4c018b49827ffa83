"""An image folded onto itself by half a turn, after which a centred galaxy is what it was.

    mean_bn, square_bn = fold(image_bhw)

Each pixel of two quadrants, at x > 0, y > 0 and at x > 0, y < 0, stands for itself and for its counterpart: their mean
and the square of half their difference are all that the likelihood of a centred galaxy needs.

Legend of the shape suffixes: b batch, h height, w width, x, y pixels of half of a side, n pixels of the two quadrants.
"""

from typing import Any

import numpy as np

__label__ = "fitting_folding"

Array = np.ndarray[Any, np.dtype[np.float32]]


def fold(image_bhw: Array) -> tuple[Array, Array]:
    """Fold images, shape (b, h, h), float32.

    Returns:
        Mean of each pair of pixels, and the square of half their difference, shape (b, n) each, in their unit and its
        square.
    """
    count, size, _ = image_bhw.shape
    image_bwh, half = image_bhw.swapaxes(1, 2), half_of(size)
    ahead, back = slice(size // 2, None), slice(half - 1, None, -1)  # an odd stamp's middle is in both
    quadrants = ((ahead, ahead), (back, back)), ((ahead, back), (back, ahead))
    mean_bqxy = np.empty((count, 2, half, half), dtype=np.float32)
    square_bqxy = np.empty_like(mean_bqxy)
    for number, ((x, y), (other_x, other_y)) in enumerate(quadrants):
        one_bxy, other_bxy = image_bwh[:, x, y], image_bwh[:, other_x, other_y]
        mean_bqxy[:, number] = np.float32(0.5) * (one_bxy + other_bxy)
        square_bqxy[:, number] = (np.float32(0.5) * (one_bxy - other_bxy)) ** 2
    return mean_bqxy.reshape(count, -1), square_bqxy.reshape(count, -1)


def shares(size: int) -> Array:
    """How much each pair counts, so that each pixel counts once: the middle of an odd stamp comes twice, shape (n,)."""
    share_x = np.ones(half_of(size), dtype=np.float32)
    if size % 2:
        share_x[0] = 0.5
    return np.tile(np.outer(share_x, share_x).ravel(), 2)


def half_of(size: int) -> int:
    """Pixels of half a side."""
    return -(-size // 2)
