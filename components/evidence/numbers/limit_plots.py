"""Pictures of a model's limits: failure maps and real objects; see `plots.py` for the rest."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from components.evidence.numbers.plots import GREYS, STYLES, label, legend_below

__label__ = None

_COLUMNS = {
    "bias_over_crb": "bias / bound",
    "rmse_over_crb": "RMSE / bound",
    "coverage68": "coverage of the 68 % interval",
}


def plot_failures(table: pd.DataFrame, trusted: tuple[float, float] | None, truths: Sequence[str]) -> Figure:
    """One axis of the failure maps: a row an answer with bias, RMSE and coverage, alarms beside them.

    Args:
        table: rows of one axis, as `failure_maps.measure_failures` makes them.
        trusted: ends of the trusted run, which is shaded.
        truths: the parameters.
    """
    answers = list(table["answer"].unique())
    # Margins in inches: a layout engine would take longer than the drawing, for every axis of the maps.
    width, height = 13.0, 1.2 + 2.8 * len(answers)
    figure = Figure(figsize=(width, height))
    rows: list[list[Any]] = [[f"{answer}{column}" for column in _COLUMNS] + ["alarm"] for answer in answers]
    panels = figure.subplot_mosaic(rows, gridspec_kw={"wspace": 0.3, "hspace": 0.08})
    figure.subplots_adjust(left=0.85 / width, right=1 - 0.1 / width, bottom=0.8 / height, top=1 - 0.4 / height)
    for answer in answers:
        here = table[table["answer"] == answer]
        _plot_answer([panels[f"{answer}{column}"] for column in _COLUMNS], here, answer, truths)
    alarms = table.groupby("value")["alarm"].first()
    panels["alarm"].plot(alarms.index, alarms, "o-", color="black", markersize=4)
    panels["alarm"].set_ylim(-0.02, 1.02)
    panels["alarm"].set_ylabel("share that the in-domain test refuses")
    for name, axes in panels.items():
        if table["value"].min() > 0 and table["value"].max() / table["value"].min() > 5:
            axes.set_xscale("log")
        if name == "alarm" or name.startswith(answers[-1]):
            axes.set_xlabel(str(table["label"].iloc[0]))
        else:
            axes.tick_params(labelbottom=False)
        if trusted is not None:
            axes.axvspan(*trusted, color="0.88", zorder=0)
    legend_below(figure, columns=len(truths), place="lower center")
    figure.suptitle("Shaded: where the model can be trusted", y=1 - 0.1 / height, verticalalignment="top")
    return figure


def _plot_answer(panels: Sequence[Axes], table: pd.DataFrame, answer: str, truths: Sequence[str]) -> None:
    for axes, (column, text) in zip(panels, _COLUMNS.items(), strict=True):
        for number, truth in enumerate(truths):
            here = table[table["truth"] == truth].sort_values("value")
            style, grey = STYLES[number % len(STYLES)], GREYS[number % len(GREYS)]
            axes.plot(here["value"], here[column], style, color=grey, markersize=4, label=truth)
        axes.set_ylabel(f"{answer}: {text}" if axes is panels[0] else text)
    bias, rmse, coverage = panels
    if table["bias_over_crb"].abs().max() > 2:
        bias.set_yscale("symlog", linthresh=1)
        bias.yaxis.set_major_formatter("{x:g}")
    rmse.set_yscale("log")
    rmse.yaxis.set_major_formatter("{x:g}")
    rmse.yaxis.set_minor_formatter("{x:g}" if table["rmse_over_crb"].max() < 8 else NullFormatter())
    coverage.axhline(0.68, color="black", linewidth=0.8)


def plot_real(table: pd.DataFrame, truths: Sequence[str], units: Mapping[str, str]) -> Figure:
    """Real objects, a row an answer: value and error against a direct fit; flagged ones are open.

    Args:
        table: as `consistency.consistency_table` makes it.
        truths: the parameters.
        units: unit of each.
    """
    answers = list(table["answer"].unique())
    figure = Figure(figsize=(3.2 * len(truths), 0.6 + 3.0 * len(answers)), layout="constrained")
    panels = figure.subplots(len(answers), len(truths), squeeze=False)
    for axes, (answer, truth) in zip(panels.flat, itertools.product(answers, truths), strict=True):
        here = table[(table["truth"] == truth) & (table["answer"] == answer)]
        for flagged, part in here.groupby("flagged"):
            axes.errorbar(
                part["fit"],
                part["value"],
                part["error"],
                fmt="o",
                color="0.55" if flagged else "black",
                markerfacecolor="white" if flagged else "black",
                markersize=4,
                linewidth=0.7,
                label="refused by the in-domain test" if flagged else "in the domain",
            )
        fits = here["fit"]
        axes.plot([fits.min(), fits.max()], [fits.min(), fits.max()], color="black", linewidth=0.8)
        axes.set_xlabel(f"direct fit of {label(truth, units)}")
        axes.set_ylabel(f"{answer} {label(truth, units)}")
    legend_below(figure, columns=2)
    figure.suptitle(f"{table['image'].nunique()} real objects: model against direct fit")
    return figure
