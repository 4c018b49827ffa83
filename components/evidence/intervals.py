"""Statistics of independent values with 95 % confidence intervals, as metrics.

metric = interval(errors, rms, resamplings=1000, seed=7)      # by the bootstrap
metric = share(hits)                                          # of values that are 0 or 1
metric = median(seconds)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from components.fields import Metric, no_metric

__label__ = "intervals"

_LEAST_IMAGES = 10
"""In a slice; fewer say nothing."""

_MANY = 2000

Array = np.ndarray[Any, np.dtype[np.float64]]


def interval(values: Array, statistic: Callable[..., Any], resamplings: int, seed: int) -> Metric:
    """A statistic of independent values and its 95 % percentile-bootstrap interval.

    The mean of thousands of values is Gaussian and needs no bootstrap. Values that are not finite give a metric that is
    not finite: gates refuse it.
    """
    value = float(statistic(values))
    if not np.all(np.isfinite(values)):
        return Metric(value=value, low=float("nan"), high=float("nan"))
    if np.ptp(values) == 0:
        return Metric(value=value, low=value, high=value)
    if statistic is np.mean and len(values) >= _MANY:
        reach = stats.norm.ppf(0.975) * stats.sem(values)
        return Metric(value=value, low=value - reach, high=value + reach)
    result = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=resamplings,
        method="percentile",
        rng=np.random.default_rng(seed),
        batch=100,
    )
    return Metric(value=value, low=float(result.confidence_interval.low), high=float(result.confidence_interval.high))


def share(hits: Array, confidence: float = 0.95) -> Metric:
    """The share of ones among independent zeros and ones, with Jeffreys' interval (Brown, Cai & DasGupta 2001, eq. 8).

    A bootstrap of ten hits in ten would claim that the share is 1 for certain; this one goes down to 0.78.

    Args:
        hits: zeros and ones.
        confidence: of the interval; more than 0.95 where several are to hold together.

    Raises:
        ValueError: when a value is neither 0 nor 1.
    """
    count, found = len(hits), float(np.sum(hits))
    if not np.isin(hits, (0, 1)).all():
        raise ValueError("a share is that of zeros and ones")
    tail = (1 - confidence) / 2
    low, high = stats.beta.ppf([tail, 1 - tail], found + 0.5, count - found + 0.5)
    return Metric(
        value=found / count if count else float("nan"),
        low=float(low) if found else 0.0,
        high=float(high) if found < count else 1.0,
    )


def median(values: Array) -> Metric:
    """The median, between the order statistics that hold it with 95 % probability (David & Nagaraja 2003, eq. 7.1.1).

    Raises:
        ValueError: for fewer than six values, of which none do.
    """
    count, ordered = len(values), np.sort(values)
    inside = stats.binom.cdf(np.arange(count), count, 0.5) <= 0.025
    if not inside.any():
        raise ValueError(f"{count} values say too little of their median: six are needed")
    rank = int(inside.sum()) - 1
    return Metric(value=float(np.median(ordered)), low=float(ordered[rank]), high=float(ordered[-1 - rank]))


def difference(ours: Array, others: Array) -> Metric:
    """The difference of two means over different images."""
    value = float(ours.mean() - others.mean())
    reach = stats.norm.ppf(0.975) * float(np.hypot(stats.sem(ours), stats.sem(others)))
    return Metric(value=value, low=value - reach, high=value + reach)


def too_few(name: str, count: int) -> Metric | None:
    """What stands for a metric of a slice that has too few images to say anything; None where it has enough."""
    if count >= _LEAST_IMAGES:
        return None
    return no_metric(f"slice {name} has {count} images, and {_LEAST_IMAGES} are needed")


def rms(values: Array, axis: int = -1) -> Any:
    """Root mean square."""
    return np.sqrt(np.mean(np.square(values), axis=axis))
