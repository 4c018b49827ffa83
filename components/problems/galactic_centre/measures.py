"""What papers about such skies quote: mean absolute errors over the prior's range, and relative ones, over the limit.

    metrics = published_measures(answers, exact, settings)       # mae_range.A_dm, mae_range.A_dm_over_limit, …

The published "mean relative errors" are very likely mean absolute errors on targets scaled to 0–1: as relative errors
that of N_gc would be below the least possible. Both are given; an amplitude that may be 0 has no relative one.
The limit is the same error of the exact posterior's medians, on the same skies; both for N_total are sums of two.
"""

from typing import Any

import numpy as np
import pandas as pd

from components.evidence import interval
from components.evidence.numbers import Answers, ratio_of_means
from components.fields import Metric, no_metric
from components.problems.skies import ends
from components.simulators.galactic_centre import COUNTS, PARAMETERS, Array, GalacticCentreSettings

__label__ = "galactic_centre_measures"

TOTAL = "N_total"
"""Of all sources."""
MEASURED = (*PARAMETERS, TOTAL)


def published_measures(answers: Answers, exact: pd.DataFrame | None, settings: Any) -> dict[str, Metric]:
    """Metrics of a model.

    Args:
        answers: to the test split.
        exact: posteriors of its first skies, with `median_<parameter>`; None where there are none.
        settings: all of the problem's.
    """
    evaluate = settings.evaluate
    truth, ours = (with_total(values) for values in (answers.truth, answers.median))
    miss_bm = np.abs(ours - truth) / ranges(settings.simulate)
    metrics: dict[str, Metric] = {}
    for number, name in enumerate(MEASURED):
        metrics[f"mae_range.{name}"] = interval(miss_bm[:, number], np.mean, evaluate.bootstrap, evaluate.seed)
        if name not in PARAMETERS or name in COUNTS:
            relative = np.abs(ours - truth)[:, number] / truth[:, number]
            metrics[f"mae_relative.{name}"] = interval(relative, np.mean, evaluate.bootstrap, evaluate.seed)
    return metrics if exact is None else metrics | _over_limit(miss_bm, truth, exact, settings)


def with_total(values_bp: Array) -> Array:
    """Values of `PARAMETERS`, and the sum of both numbers of sources."""
    counts = [PARAMETERS.index(name) for name in COUNTS]
    return np.concatenate([values_bp, values_bp[:, counts].sum(axis=1, keepdims=True)], axis=1)


def ranges(settings: GalacticCentreSettings) -> Array:
    """Of the prior of each of `MEASURED`."""
    widths: Array = np.array([high - low for low, high in ends(settings).values()])
    of_all: Array = with_total(widths[None])[0]
    return of_all


def _over_limit(miss_bm: Array, truth_bm: Array, exact: pd.DataFrame, settings: Any) -> dict[str, Metric]:
    median = exact[[f"median_{name}" for name in PARAMETERS]].to_numpy()
    known = np.flatnonzero(np.isfinite(median).all(axis=1))
    names = {f"mae_range.{name}{ending}" for name in MEASURED for ending in ("_over_limit", ".limit")}
    if len(known) < 2:
        return dict.fromkeys(
            sorted(names), no_metric(f"the exact posterior is known of {len(known)} skies, and 2 are needed")
        )
    least_bm = np.abs(with_total(median[known]) - truth_bm[known]) / ranges(settings.simulate)
    evaluate = settings.evaluate
    metrics = {}
    for number, name in enumerate(MEASURED):
        ours, least = miss_bm[known, number], least_bm[:, number]
        metrics[f"mae_range.{name}_over_limit"] = ratio_of_means(ours, least, np.mean, evaluate)
        metrics[f"mae_range.{name}.limit"] = interval(least, np.mean, evaluate.bootstrap, evaluate.seed)
    return metrics
