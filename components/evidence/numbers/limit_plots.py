"""Pictures of a model's limits: failure maps and real objects; see `plots.py` for the rest."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from components.evidence.numbers.plots import GREYS, STYLES, label, legend_below

__label__ = None


def plot_failures(table: pd.DataFrame, trusted: tuple[float, float] | None, truths: Sequence[str]) -> Figure:
    """One axis of the failure maps, a row an answer: bias, RMSE, coverage and alarms; the trusted run is shaded.

    Args:
        table: rows of one axis, as `failure_maps.measure_failures` makes them.
        trusted: ends of the trusted run.
        truths: the parameters.
    """
    answers = list(table["answer"].unique())
    figure = Figure(figsize=(13, 0.8 + 3.0 * len(answers)), layout="constrained")
    rows = figure.subplots(len(answers), 4, squeeze=False)
    for panels, answer in zip(rows, answers, strict=True):
        _plot_answer(list(panels), table[table["answer"] == answer], answer, trusted, truths)
    legend_below(figure, columns=len(truths), of=rows[0, 0])
    figure.suptitle("Shaded: where the model can be trusted")
    return figure


def _plot_answer(
    panels: list[Axes],
    table: pd.DataFrame,
    answer: str,
    trusted: tuple[float, float] | None,
    truths: Sequence[str],
) -> None:
    values = np.sort(table["value"].unique())
    for axes, column, text in zip(
        panels[:3],
        ("bias_over_crb", "rmse_over_crb", "coverage68"),
        ("bias / bound", "RMSE / bound", "coverage of the 68 % interval"),
        strict=True,
    ):
        for number, truth in enumerate(truths):
            here = table[table["truth"] == truth].sort_values("value")
            style, grey = STYLES[number % len(STYLES)], GREYS[number % len(GREYS)]
            axes.plot(here["value"], here[column], style, color=grey, markersize=4, label=truth)
        axes.set_ylabel(f"{answer}: {text}" if text.startswith("bias") else text)
    if table["bias_over_crb"].abs().max() > 2:
        panels[0].set_yscale("symlog", linthresh=1)
        panels[0].yaxis.set_major_formatter("{x:g}")
    panels[1].set_yscale("log")
    panels[1].yaxis.set_major_formatter("{x:g}")
    panels[1].yaxis.set_minor_formatter("{x:g}" if table["rmse_over_crb"].max() < 8 else NullFormatter())
    panels[2].axhline(0.68, color="black", linewidth=0.8)
    alarms = table.groupby("value")["alarm"].first()
    panels[3].plot(alarms.index, alarms, "o-", color="black", markersize=4)
    panels[3].set_ylim(-0.02, 1.02)
    panels[3].set_ylabel("share that the in-domain test refuses")
    for axes in panels:
        if values.min() > 0 and values.max() / values.min() > 5:
            axes.set_xscale("log")
        axes.set_xlabel(str(table["label"].iloc[0]))
        if trusted is not None:
            axes.axvspan(*trusted, color="0.88", zorder=0)


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
