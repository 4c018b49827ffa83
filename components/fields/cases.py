"""What a problem is measured at, beside its dataset: benchmark cases with published results, and failure axes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__label__ = "cases"

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """A row of the literature: bias and sd of each truth at one benchmark case."""

    method: str
    bias: tuple[float, ...]
    sd: tuple[float, ...]

    @property
    def rmse(self) -> Array:
        """√(bias² + sd²) of each truth."""
        return np.hypot(self.bias, self.sd)


@dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
    """One fixed object, observed many times."""

    name: str
    """As in metric names, such as `snr60`."""
    label: str
    """As in tables, such as `SNR 60`."""
    stamp: np.ndarray[Any, Any]
    """Noise-free image, float32, shape (height, width)."""
    truth: tuple[float, ...]
    conditions: tuple[float, ...]
    bound: tuple[float, ...]
    published: tuple[PublishedResult, ...]

    @property
    def best_published(self) -> Array:
        """Least published RMSE of each truth."""
        best: Array = np.min([result.rmse for result in self.published], axis=0)
        return best


@dataclass(frozen=True, kw_only=True)
class FailureImages:
    """The galaxies at one value of an axis."""

    stamps: np.ndarray[Any, Any]
    """Noise-free, as they truly are, float32, shape (images, height, width)."""
    conditions: Array
    """As the model is told, shape (images, conditions)."""
    truth: Array
    bound: Array
    """Of the image as it truly is."""


@dataclass(frozen=True, kw_only=True)
class FailureAxis:
    """One assumption of the training, and departures from it."""

    name: str
    label: str
    """With its unit."""
    values: tuple[float, ...]
    """Ascending."""
    trained: tuple[float, float]
    """The values that training images had."""
    draw: Callable[[float], FailureImages]
