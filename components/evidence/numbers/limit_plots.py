"""Pictures of a model's limits: failure maps; see `plots.py` for the rest."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from components.evidence.legends import legend_above, legend_below
from components.evidence.numbers.failure_messages import failure_message
from components.evidence.numbers.plots import GREYS, STYLES
from components.evidence.numbers.yardsticks import BOUND, RANGE, Yardstick

__label__ = None

_COLUMNS = ("bias", "rmse", "coverage68")
_SHOWN = {
    BOUND.key: {"bias": (-10.0, 10.0), "rmse": (0.5, 10.0), "coverage68": (0.0, 1.0)},
    RANGE.key: {"bias": (-1.0, 1.0), "rmse": (0.01, 1.0), "coverage68": (0.0, 1.0)},
}
"""Ends of the y-axes, the same in every map, so that maps can be compared at a glance: an error of ten bounds, or of a
prior's range, is as bad as any. What lies beyond stands at the edge, as an arrow."""
_RIGHT = {"bias": 0.0, "rmse": 1.0, "coverage68": 0.68}
"""Of an unbiased answer at the bound that knows its errors."""
_TICKS = {
    BOUND.key: {"bias": (-10, -3, -1, 0, 1, 3, 10), "rmse": (0.5, 1, 2, 5, 10)},
    RANGE.key: {"bias": (-1, -0.3, -0.1, 0, 0.1, 0.3, 1), "rmse": (0.01, 0.03, 0.1, 0.3, 1)},
}
_LINEAR = {BOUND.key: 1.0, RANGE.key: 0.1}
"""Biases up to which an axis is linear."""
_WIDE, _SPREAD = 3.0, 10.0
"""Ratio of an axis' largest value to the least above 0 from which it is logarithmic, and where it has a 0, too."""
_LINE = 120
"""Letters in a line of a title."""
_PANEL = 34
"""Characters of a line below a panel."""
_SHARES = (-0.02, 1.02)
"""Ends of the y-axes of shares, so that points at 0 and 1 are whole."""
_CLOSE = 0.2
"""Of a panel's width: values nearer to each other than this share one label."""


def plot_failures(
    table: pd.DataFrame, reliable: tuple[float, float] | None, truths: Sequence[str], yardstick: Yardstick
) -> Figure:
    """One axis of the failure maps: a row an answer with bias, RMSE and coverage; who sees it beside them.

    Args:
        table: rows of one axis, as `failure_maps.measure_failures` makes them.
        reliable: ends of the reliable run, which is shaded.
        truths: the parameters.
        yardstick: what errors are measured in.
    """
    answers = list(table["answer"].unique())
    # Margins in inches: a layout engine would take longer than the drawing, for every axis of the maps.
    width, height = 13.0, 2.1 + 2.7 * len(answers)
    figure = Figure(figsize=(width, height))
    rows: list[list[Any]] = [[f"{answer}{column}" for column in _COLUMNS] + ["alarm"] for answer in answers]
    panels = figure.subplot_mosaic(rows, sharex=True, gridspec_kw={"wspace": 0.28, "hspace": 0.08})
    figure.subplots_adjust(left=0.75 / width, right=1 - 0.1 / width, bottom=1.05 / height, top=1 - 1.0 / height)
    _set_values(panels["alarm"], table)
    for name, axes in panels.items():
        if name == "alarm" or name.startswith(answers[-1]):
            axes.set_xlabel(textwrap.fill(str(table["label"].iloc[0]), _PANEL))
        if reliable is not None:
            axes.axvspan(*reliable, color="0.88", zorder=0, label="reliable" if axes is figure.axes[0] else None)
    for answer in answers:
        here = table[table["answer"] == answer]
        _plot_answer([panels[f"{answer}{column}"] for column in _COLUMNS], here, answer, truths, yardstick)
    _plot_alarms(panels["alarm"], table)
    legend_below(figure, columns=len(truths) + 1, place="lower center")
    message = textwrap.fill(failure_message(table, reliable, yardstick), _LINE)
    figure.suptitle(message, x=0.75 / width, y=1 - 0.1 / height, horizontalalignment="left", verticalalignment="top")
    return figure


def _plot_answer(
    panels: Sequence[Axes], table: pd.DataFrame, answer: str, truths: Sequence[str], yardstick: Yardstick
) -> None:
    shown, said = _SHOWN[yardstick.key], yardstick.said
    texts = (f"bias / {said}", f"RMSE / {said}", "coverage of the 68 % interval")
    for axes, column, text in zip(panels, _COLUMNS, texts, strict=True):
        least, most = shown[column]
        if column != "rmse" or yardstick is BOUND:
            axes.axhline(_RIGHT[column], color="black", linewidth=0.8)
        for number, truth in enumerate(truths):
            here = table[table["truth"] == truth].sort_values("value")
            style, grey = STYLES[number % len(STYLES)], GREYS[number % len(GREYS)]
            values = here[column].clip(least, most)
            axes.errorbar(here["value"], values, here[f"{column}_error"].where(values == here[column]), fmt=style,
                          color=grey, elinewidth=0.7, markersize=4, label=truth)  # fmt: skip
            for beyond, edge, arrow in ((here[column] > most, most, "^"), (here[column] < least, least, "v")):
                if beyond.any():
                    at = here["value"][beyond]
                    axes.plot(at, [edge] * len(at), arrow, color=grey, markersize=8, markerfacecolor="white",
                              clip_on=False, zorder=3)  # fmt: skip
        axes.set_ylabel(f"{answer}: {text}" if axes is panels[0] else text)
    bias, rmse, coverage = panels
    bias.set_yscale("symlog", linthresh=_LINEAR[yardstick.key])
    rmse.set_yscale("log")
    for axes, column in ((bias, "bias"), (rmse, "rmse")):
        axes.set_yticks(_TICKS[yardstick.key][column])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(*shown[column])
    coverage.set_ylim(*_SHARES)


def _plot_alarms(axes: Axes, table: pd.DataFrame) -> None:
    """How many images the in-domain test doubts, and how many the best possible test finds."""
    of_images = table.groupby("value")[["alarm", "limit_power"]].first()
    axes.plot(of_images.index, of_images["alarm"], "o-", color="black", markersize=4, label="doubted")
    if of_images["limit_power"].notna().any():
        axes.plot(of_images.index, of_images["limit_power"], "s--", color="0.45", markersize=6, markerfacecolor="white",
                  label="found by the best possible test", zorder=1.5)  # fmt: skip
    axes.set_ylim(*_SHARES)
    axes.set_ylabel("share of images")
    legend_above(axes, columns=1)


def _set_values(axes: Axes, table: pd.DataFrame) -> None:
    """An x-axis on which values lie apart, labelled at those that have room."""
    values = np.sort(table["value"].unique())
    trained = table.loc[table["trained"], "value"].unique()
    positive = np.abs(values[values != 0])
    ratio = positive.max() / positive.min()
    if values.min() > 0 and ratio > _WIDE:
        axes.set_xscale("log")
    elif values.min() <= 0 and ratio > _SPREAD:
        axes.set_xscale("symlog", linthresh=positive.min(), linscale=0.5)
    axes.set_xlim(values.min(), values.max())
    places = axes.get_xaxis_transform().transform([(value, 0) for value in values])[:, 0]
    shares = (places - places[0]) / (places[-1] - places[0])
    labelled: list[int] = []
    ends = (values == values.min()) | (values == values.max())
    # That of the training first, where it had a single one, and the ends.
    for number in np.lexsort((~ends, ~np.isin(values, trained) | (len(trained) > 1))):
        if all(abs(shares[number] - shares[other]) >= _CLOSE for other in labelled):
            labelled.append(int(number))
    axes.set_xticks(values, minor=True)
    axes.set_xticks([values[number] for number in labelled], [_said(values[number]) for number in labelled])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.05)
    axes.autoscale(axis="x")


def _said(value: float) -> str:
    return (f"{value:g}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")
