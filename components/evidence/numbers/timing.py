"""How long an answer takes, by itself and in a batch."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from components.fields import Metric

if TYPE_CHECKING:
    from components.fields import Predict

__label__ = "timing"

_REPEATS = {1: 20, 64: 5}
"""How often each size of batch is timed."""


def time_per_image(
    predict: "Predict", images: np.ndarray[Any, Any], conditions: np.ndarray[Any, Any]
) -> dict[str, Metric]:
    """`milliseconds.batch1` and `milliseconds.batch64`: median time of an image, and the quartiles of the repeats.

    Args:
        predict: the model.
        images: as observed, shape (images, height, width).
        conditions: of each image.
    """
    metrics = {}
    for batch, repeats in _REPEATS.items():
        rows = np.arange(batch) % len(images)
        image_bhw = torch.from_numpy(images[rows])
        conditions_bc = torch.from_numpy(conditions[rows].astype(np.float32))
        predict(image_bhw, conditions_bc)  # the first one loads tables
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            predict(image_bhw, conditions_bc)
            seconds.append(time.perf_counter() - start)
        low, value, high = (float(quartile) for quartile in np.quantile(seconds, [0.25, 0.5, 0.75]) * 1e3 / batch)
        metrics[f"milliseconds.batch{batch}"] = Metric(value=value, low=low, high=high)
    return metrics
