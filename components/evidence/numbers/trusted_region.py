"""Where a model can be trusted: read off the failure maps, in a form that a service can apply to one request.

    region = trusted_region(table, threshold=2.4)
    (folder / "trusted_region.json").write_text(json.dumps(region))

A value of an axis is trusted when, for every parameter, |bias|, RMSE and coverage stay near what they are for images
like those of the training. Along each axis the region is the unbroken run of trusted values around the training's own.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

__label__ = "trusted_region"

_MOST_BIAS = 0.5
"""Bounds by which the bias may exceed its largest value on training-like images."""
_MOST_RMSE = 1.5
"""How many times its largest value on training-like images the RMSE may be."""
_COVERAGE = 0.12
"""How far the coverage of the 68 % intervals may fall below its least value on training-like images."""


def trusted_values(table: pd.DataFrame) -> dict[str, tuple[float, float] | None]:
    """For each axis the ends of its trusted run, None where not even the training's own values are measured.

    Args:
        table: as `failure_maps.measure_failures` makes it.
    """
    return {str(axis): _run(part) for axis, part in table.groupby("axis", sort=False)}


def trusted_region(table: pd.DataFrame, *, threshold: float, conditions: Mapping[str, str], snr: str) -> dict[str, Any]:
    """The region as JSON-able values.

    Args:
        table: as `failure_maps.measure_failures` makes it.
        threshold: largest misfit that the in-domain test lets pass; NaN where nothing can be drawn.
        conditions: for each condition that a request states the axis that varies it.
        snr: the axis that varies the SNR.

    Returns:
        `conditions` (name to range), `snr` (range) and `misfit` (most) can be checked for one image; `axes` says the
        rest, which a user has to know.
    """
    runs = trusted_values(table)
    return {
        "conditions": {name: runs[axis] for name, axis in conditions.items()},
        "snr": runs[snr],
        "misfit": threshold if np.isfinite(threshold) else None,
        "axes": runs,
    }


def _run(part: pd.DataFrame) -> tuple[float, float] | None:
    trained = part[part["trained"]]
    if trained.empty:
        return None
    most_bias = float(trained["bias_over_crb"].abs().max()) + _MOST_BIAS
    most_rmse = float(trained["rmse_over_crb"].max()) * _MOST_RMSE
    least_coverage = float(trained["coverage68"].min()) - _COVERAGE
    good = (
        (part["bias_over_crb"].abs() <= most_bias)
        & (part["rmse_over_crb"] <= most_rmse)
        & (part["coverage68"] >= least_coverage)
    )
    by_value = good.groupby(part["value"]).all()
    values, trusted = by_value.index.to_numpy(dtype=float), by_value.to_numpy(dtype=bool)
    inside = np.isin(values, trained["value"])
    if not trusted[inside].all():
        return None
    low, high = int(np.flatnonzero(inside)[0]), int(np.flatnonzero(inside)[-1])
    while low > 0 and trusted[low - 1]:
        low -= 1
    while high < len(values) - 1 and trusted[high + 1]:
        high += 1
    return float(values[low]), float(values[high])
