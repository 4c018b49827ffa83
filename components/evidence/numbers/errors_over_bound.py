"""Errors in units of the bound, with bootstrap confidence intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from components.fields import Metric

__label__ = "errors_over_bound"

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Errors:
    """What an estimator got wrong on some images, all of shape (images, truths)."""

    miss: Array
    """Answer minus truth."""
    bound: Array
    """The Cramér–Rao bound of each image."""

    def of(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> "Errors":
        """The same for some of the images."""
        return Errors(miss=self.miss[chosen], bound=self.bound[chosen])

    def over_bound(self, truth: int, resamplings: int, seed: int) -> dict[str, Metric]:
        """Bias, sd and RMSE of one truth, each image's error in units of its own bound."""
        ratio = self.miss[:, truth] / self.bound[:, truth]
        return {
            "bias": interval(ratio, np.mean, resamplings, seed),
            "sd": interval(ratio, np.std, resamplings, seed),
            "rmse": interval(ratio, rms, resamplings, seed),
        }


def interval(values: Array, statistic: Callable[..., Any], resamplings: int, seed: int) -> Metric:
    """A statistic of independent values and its 95 % percentile-bootstrap interval.

    Values that are not finite give a metric that is not finite: gates refuse it.
    """
    value = float(statistic(values))
    if not np.all(np.isfinite(values)):
        return Metric(value=value, low=float("nan"), high=float("nan"))
    if np.ptp(values) == 0:
        return Metric(value=value, low=value, high=value)
    result = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=resamplings,
        method="percentile",
        rng=np.random.default_rng(seed),
        batch=100,
    )
    return Metric(value=value, low=float(result.confidence_interval.low), high=float(result.confidence_interval.high))


def rms(values: Array, axis: int = -1) -> Any:
    """Root mean square."""
    return np.sqrt(np.mean(np.square(values), axis=axis))
