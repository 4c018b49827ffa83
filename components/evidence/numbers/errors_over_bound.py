"""Errors in units of the bound, or of another yardstick, with bootstrap confidence intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evidence.intervals import Array, interval, rms
from components.fields import Metric

__label__ = "errors_over_bound"


@dataclass(frozen=True, kw_only=True)
class Errors:
    """What an estimator got wrong on some images, all of shape (images, truths)."""

    miss: Array
    """Answer minus truth."""
    bound: Array
    """The yardstick of each image."""

    @property
    def in_bounds(self) -> Array:
        """Each error in units of its image's own bound."""
        ratio: Array = self.miss / self.bound
        return ratio

    def of(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> "Errors":
        """The same for some of the images."""
        return Errors(miss=self.miss[chosen], bound=self.bound[chosen])

    def over_bound(self, truth: int, resamplings: int, seed: int) -> dict[str, Metric]:
        """Bias, sd and RMSE of one truth, each image's error in units of its own bound."""
        ratio = self.in_bounds[:, truth]
        return {
            "bias": interval(ratio, np.mean, resamplings, seed),
            "sd": interval(ratio, np.std, resamplings, seed),
            "rmse": interval(ratio, rms, resamplings, seed),
        }
