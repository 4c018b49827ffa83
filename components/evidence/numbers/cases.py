"""What a problem is measured at, beside its dataset: benchmark cases with published results, and failure axes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evidence.intervals import Array

__label__ = "cases"


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
    stored: Mapping[str, np.ndarray[Any, Any]]
    """Its stored fields, one row, the truths among them."""
    bound: tuple[float, ...]
    published: tuple[PublishedResult, ...]

    @property
    def best_published(self) -> Array:
        """Least published RMSE of each truth."""
        best: Array = np.min([result.rmse for result in self.published], axis=0)
        return best


@dataclass(frozen=True, kw_only=True)
class ExactPosterior:
    """What is known of one image's truths by whoever knows likelihood and prior exactly."""

    mean: Array
    sd: Array
    """Shape (truths,), as the mean."""
    quantiles: Array
    """At `models.estimators.numbers.LEVELS`, shape (truths, levels)."""
    samples: Array
    """Independent draws, shape (samples, truths)."""
    log_density: float
    """ln of the joint density at the truth, in the truths' units."""


@dataclass(frozen=True, kw_only=True)
class FailureImages:
    """The objects at one value of an axis."""

    stored: Mapping[str, np.ndarray[Any, Any]]
    """The stored fields: images without noise as they truly are, conditions as the model is told."""
    bound: Array
    """Of the image as it truly is, shape (images, truths)."""


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
