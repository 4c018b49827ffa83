"""What a problem is measured at, beside its dataset: benchmark cases with published results, and exact posteriors."""

from collections.abc import Mapping
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
    """Draws, shape (samples, truths)."""
    log_density: float | None
    """ln of the joint density at the truth, in the truths' units; None where nobody can say."""
    steps_apart: int = 0
    """Where draws are a chain in its order, how many steps apart they are independent; 0: all are."""
