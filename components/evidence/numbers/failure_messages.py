"""The one thing that a failure map says, in a sentence made of its numbers: the title of its picture.

    failure_message(table, reliable=(-0.02, 0.02))
    # "A sky of +0.05 σ biases the posterior's flux by +1.2 bounds; 1 % of such images are doubted, and no test could …"

It tells of the least departure at which the posterior is no longer reliable, since a user has to keep to smaller ones:
what it does, whether the in-domain test sees it, and whether any test of one image could.
"""

from typing import Any

import numpy as np
import pandas as pd

from components.evidence.numbers.answers import POSTERIOR
from components.evidence.numbers.yardsticks import Yardstick

__label__ = None

_MOSTLY_BIAS = 0.7
"""Of an RMSE: with more of it in the bias, this is half of the mean square or more."""
_UNBROKEN = "\N{NO-BREAK SPACE}"
_ALL, _CHANCE = 0.995, 0.015
"""Shares that are told as all, and as no more than the false alarms."""


def failure_message(table: pd.DataFrame, reliable: tuple[float, float] | None, yardstick: Yardstick) -> str:
    """A sentence about one axis, with a full stop.

    Args:
        table: rows of one axis, as `failure_maps.measure_failures` makes them.
        reliable: ends of the reliable run.
        yardstick: what errors are measured in.
    """
    of_posterior = table[table["answer"] == POSTERIOR]
    values = of_posterior["value"].to_numpy()
    if reliable is None:
        trained = of_posterior[of_posterior["trained"]]
        here = _at_worst(of_posterior if trained.empty else trained)
        return f"Not reliable where it was trained: {_told(here, yardstick)}."
    below, above = values[values < reliable[0]], values[values > reliable[1]]
    beyond = [*below[below == below.max(initial=-np.inf)], *above[above == above.min(initial=np.inf)]]
    if not beyond:
        worst = _worst(of_posterior)
        return (
            f"Reliable at every value: the {POSTERIOR}'s largest RMSE is {worst['rmse']:.2f} {yardstick.plural}, "
            f"of {_name(worst)} at {worst['case']}."
        )
    told = _told(_at_worst(of_posterior[np.isin(values, beyond)]), yardstick)
    return f"{told[0].upper()}{told[1:]}."


def _at_worst(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the value at which an error is largest."""
    here: pd.DataFrame = table[table["value"] == _worst(table)["value"]]
    return here


def _worst(table: pd.DataFrame) -> "pd.Series[Any]":
    """The row of the largest error, of one that is not finite first."""
    return table.iloc[int(np.argmax(table["rmse"].fillna(np.inf).to_numpy()))]


def _told(here: pd.DataFrame, yardstick: Yardstick) -> str:
    """What one value does and who sees it."""
    first = here.iloc[0]
    doubted = f"{first['case']} {_harm(here, yardstick)}; {_percent(first['alarm'])} of such images are doubted"
    limit = float(first["limit_power"])
    if np.isnan(limit):
        return doubted
    if limit > _ALL:
        return f"{doubted}, and the best possible test finds all"
    if limit < _CHANCE:
        return f"{doubted}, and no test could find more than chance does"
    return f"{doubted}, and no test could find more than {_percent(limit)}"


def _harm(here: pd.DataFrame, yardstick: Yardstick) -> str:
    worst = _worst(here)
    bias, rmse = float(worst["bias"]), float(worst["rmse"])
    if abs(bias) > _MOSTLY_BIAS * rmse:
        return f"biases the {POSTERIOR}'s {_name(worst)} by {bias:+.{yardstick.decimals}f} {yardstick.plural}".replace(
            "-", "−"
        )
    if not np.isfinite(rmse):
        return f"leaves the {POSTERIOR} without a number for {_name(worst)}"
    if rmse > yardstick.plain:
        return f"makes the {POSTERIOR}'s RMSE of {_name(worst)} {rmse:.{yardstick.decimals}f} {yardstick.plural}"
    worst = here.iloc[int(np.argmin(here["coverage68"].to_numpy()))]
    return f"lowers the {POSTERIOR}'s coverage of {_name(worst)} from 68 to {_percent(worst['coverage68'])}"


def _name(row: "pd.Series[Any]") -> str:
    return str(row["truth"]).replace("_", " ")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}{_UNBROKEN}%"
