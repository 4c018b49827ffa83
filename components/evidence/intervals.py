"""Statistics of independent values with bootstrap confidence intervals, as metrics.

metric = interval(errors, rms, resamplings=1000, seed=7)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from components.fields import Metric

__label__ = "intervals"

Array = np.ndarray[Any, np.dtype[np.float64]]


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
