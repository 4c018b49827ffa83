"""Pictures of how errors change along an axis of the failure maps. Returned as matplotlib figures."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.evidence.along_axes import ALARM

__label__ = None

Figures = Mapping[str, Figure]
"""By name."""
_FAILURE = "failure-"
"""What names of these pictures begin with."""
_WIDE = 3.0
"""Ratio of an axis' largest value to its least from which it is logarithmic."""


class Shown(NamedTuple):
    """How a number is drawn."""

    said: str
    """Its name, with its unit."""
    right: float | None = None
    """What it is where nothing is wrong."""


def axis_picture(axis: str) -> str:
    """The name of an axis' picture."""
    return f"{_FAILURE}{axis.replace('_', '-')}"


def plot_axes(table: pd.DataFrame, draw: Callable[[pd.DataFrame], Figure]) -> dict[str, Figure]:
    """A picture for each axis, by its name.

    Args:
        table: rows of all axes, as of `along_axes.measure_along`.
        draw: makes one of the rows of one axis.
    """
    return {axis_picture(str(axis)): draw(here) for axis, here in table.groupby("axis", sort=False)}


def axis_captions(figures: Figures, more: str = "") -> tuple[tuple[str, str], ...]:
    """Names of the pictures of axes among others, and what their titles say: no small window shows a whole one.

    Args:
        figures: by name.
        more: said after each title.
    """
    titles = {name: " ".join(figure.get_suptitle().split()) for name, figure in figures.items()}
    return tuple(
        (name, f"{title.removesuffix('.')}. {more}".strip())
        for name, title in titles.items()
        if name.startswith(_FAILURE)
    )


def plot_axis(table: pd.DataFrame, shown: Mapping[str, Shown], title: str) -> Figure:
    """One axis: a panel a number, and how many images are doubted.

    Args:
        table: rows of one axis, as of `along_axes.measure_along`.
        shown: the numbers that are drawn.
        title: the one thing that it says.
    """
    here = table.sort_values("value")
    figure = Figure(figsize=(3.2 * (len(shown) + 1), 3.1), layout="constrained")
    panels = figure.subplots(1, len(shown) + 1, squeeze=False)[0]
    for axes, (name, of) in zip(panels, shown.items(), strict=False):
        axes.errorbar(here["value"], here[name], here[f"{name}_error"], fmt="o-", color="black", markersize=4)
        if of.right is not None:
            axes.axhline(of.right, color="0.5", linewidth=0.8)
        axes.set_title(of.said, fontsize=9)
    panels[-1].plot(here["value"], here[ALARM], "o-", color="black", markersize=4)
    panels[-1].set_ylim(-0.02, 1.02)
    panels[-1].set_title("share of images doubted", fontsize=9)
    for axes in panels:
        _set_values(axes, here)
    figure.supxlabel(str(here["label"].iloc[0]), fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


def worst_case(table: pd.DataFrame, loss: str) -> "pd.Series[float]":
    """The row of one axis at which a loss is largest."""
    return table.iloc[int(np.argmax(table[loss].fillna(np.inf).to_numpy()))]


def _set_values(axes: Axes, table: pd.DataFrame) -> None:
    values = table["value"].to_numpy()
    if values.min() > 0 and values.max() / values.min() > _WIDE:
        axes.set_xscale("log")
        axes.set_xticks(values, [f"{value:g}" for value in values], rotation=60, fontsize=8)
        axes.minorticks_off()
    for value in table.loc[table["trained"], "value"]:
        axes.axvline(value, color="0.8", linewidth=4, zorder=0)
