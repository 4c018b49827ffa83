"""Where a model was found reliable: read off the failure maps, in a form that a service can apply to one request.

    region = reliable_range(table, settings, conditions={…}, snr="snr")
    (folder / "tested_range.json").write_text(json.dumps(region))

A value of an axis is reliable when the posterior's |bias|, RMSE and coverage keep to the limits of params.yaml for
every parameter, and few images are doubted: the same for every model, so that a bad one is not reliable by its own
measure. Along each axis the range is the unbroken run of reliable values around the training's own, and all of the
range that the training had. The likelihood says of each image by itself where it is not to be quoted.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from components.evidence.numbers.answers import POSTERIOR
from components.evidence.numbers.settings import NumbersSettings

__label__ = "reliable_range"


def reliable_values(table: pd.DataFrame, settings: NumbersSettings) -> dict[str, tuple[float, float] | None]:
    """For each axis the ends of its reliable run, None where not even the training's own values are reliable.

    Args:
        table: as `failure_maps.measure_failures` makes it.
        settings: with the limits.
    """
    of_posterior = table[table["answer"] == POSTERIOR]
    return {str(axis): _run(part, settings) for axis, part in of_posterior.groupby("axis", sort=False)}


def reliable_range(
    table: pd.DataFrame, settings: NumbersSettings, *, conditions: Mapping[str, str], snr: str
) -> dict[str, Any]:
    """The region as JSON-able values.

    Args:
        table: as `failure_maps.measure_failures` makes it.
        settings: with the limits.
        conditions: for each condition that a request states the axis that varies it.
        snr: the axis that varies the SNR, where there is one.

    Returns:
        `conditions` (name to range) and `snr` (range) can be checked for one image; `axes` says the rest, which a user
        has to know.
    """
    runs = reliable_values(table, settings)
    return {
        "conditions": {name: runs[axis] for name, axis in conditions.items()},
        **({"snr": runs[snr]} if snr in runs else {}),
        "axes": runs,
    }


def _run(part: pd.DataFrame, settings: NumbersSettings) -> tuple[float, float] | None:
    trained = part[part["trained"]]
    if trained.empty:
        return None
    good = (
        (part["bias"].abs() <= settings.tested_bias)
        & (part["rmse"] <= settings.tested_rmse)
        & (part["coverage68"] >= settings.tested_coverage68)
        & (part["alarm"] <= settings.tested_alarm)
    )
    by_value = good.groupby(part["value"]).all()
    values, reliable = by_value.index.to_numpy(dtype=float), by_value.to_numpy(dtype=bool)
    inside = np.isin(values, trained["value"])
    if not reliable[inside].all():
        return None
    low, high = int(np.flatnonzero(inside)[0]), int(np.flatnonzero(inside)[-1])
    while low > 0 and reliable[low - 1]:
        low -= 1
    while high < len(values) - 1 and reliable[high + 1]:
        high += 1
    return min(float(values[low]), *trained["trained_from"]), max(float(values[high]), *trained["trained_to"])
