"""Pictures of an evaluation: one message each, readable in greyscale, axes with units.

Every function takes tables that are stored beside the pictures, and returns a matplotlib figure.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from scipy import stats

from components.evidence.legends import legend_above, legend_below
from components.evidence.numbers.yardsticks import BOUND, Yardstick
from components.fields import Metric

__label__ = None

STYLES = ("o-", "s--", "^-.", "D:", "v-", "x--")
GREYS = ("0.0", "0.25", "0.4", "0.55", "0.1", "0.35")
"""Of the lines of each parameter, which differ in their markers too."""


def plot_benchmark(table: pd.DataFrame, truths: Sequence[str]) -> Figure:
    """RMSE over the bound of every method at every case, beside the published ones.

    Args:
        table: as `benchmark.benchmark_table` makes it.
        truths: the parameters.
    """
    cases = list(table["case"].unique())
    figure = Figure(figsize=(4.2 * len(cases) + 2, 4.2), layout="constrained")
    for axes, case in zip(figure.subplots(1, len(cases), sharey=True, squeeze=False)[0], cases, strict=True):
        here = table[table["case"] == case]
        for number, (method, group) in enumerate(here.groupby("method", sort=False)):
            ours = str(method).startswith("this model")
            axes.plot(
                np.arange(len(truths)) + 0.1 * (number - 3),
                group["rmse"] / group["bound"],
                "sDo"[number % 3] if ours else "x+1*"[number % 4],
                color="black" if ours else "0.5",
                markerfacecolor="white" if str(method).endswith("alone") else None,
                markersize=8,
                label=str(method),
            )
        axes.axhline(1, color="black", linewidth=1, linestyle="--")
        axes.set_yscale("log")
        axes.set_xticks(range(len(truths)), [name.replace("_", "\n") for name in truths])
        axes.set_title(case)
        axes.set_yticks([0.2, 0.5, 1, 2, 5], minor=False)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    figure.axes[0].set_ylabel("RMSE / Cramér–Rao bound")
    legend_below(figure, columns=3)
    figure.suptitle("Error at the benchmark galaxy; the dashed line is the bound")
    return figure


def plot_slices(metrics: Mapping[str, Metric], answers: Sequence[str],
                slices: Mapping[str, tuple[str, float, float]],
                truths: Sequence[str], units: Mapping[str, str], yardstick: Yardstick) -> Figure:  # fmt: skip
    """RMSE over the yardstick along each sliced column, one row an answer and one line a parameter.

    Args:
        metrics: with `<answer>.rmse_over_<yardstick>.<slice>.<truth>`.
        answers: their names.
        slices: name to (column, least, largest).
        truths: the parameters.
        units: unit of each column.
        yardstick: what errors are measured in.
    """
    columns = list(dict.fromkeys(column for column, _, _ in slices.values()))
    size = (max(5.0, 3.4 * len(columns)), 0.6 + 3.2 * len(answers))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(answers), len(columns), sharey="row", sharex="col", squeeze=False)
    for axes, (answer, column) in zip(panels.flat, itertools.product(answers, columns), strict=True):
        here = [(name, low, high) for name, (of, low, high) in slices.items() if of == column]
        for number, truth in enumerate(truths):
            found = [
                ((low + high) / 2, metrics[key])
                for name, low, high in here
                if (key := f"{answer}.rmse_over_{yardstick.key}.{name}.{truth}") in metrics
            ]
            if not found:
                continue
            x, values = zip(*found, strict=True)
            axes.errorbar(
                x,
                [metric.value for metric in values],
                [[metric.value - metric.low for metric in values], [metric.high - metric.value for metric in values]],
                fmt=STYLES[number % len(STYLES)],
                color=GREYS[number % len(GREYS)],
                markersize=4,
                label=truth,
            )
        if yardstick is BOUND:
            axes.axhline(1, color="black", linewidth=0.8)
        if answer == answers[-1]:
            axes.set_xlabel("SNR" if column == "snr" else label(column, units))
        if column == columns[0]:
            axes.set_ylabel(f"{answer}: RMSE / {yardstick.said}")
    legend_below(figure, columns=min(len(truths), 3 * len(columns)))
    figure.suptitle(f"Error over the prior, in {yardstick.plural} (95 % intervals)")
    return figure


def plot_predicted_against_true(
    table: pd.DataFrame, answers: Sequence[str], truths: Sequence[str], units: Mapping[str, str]
) -> Figure:
    """One row an answer, one panel a parameter: every test image as a point, the line of equality through them.

    Args:
        table: test images with the columns `<truth>` and `<answer>_<truth>`.
        answers: their names.
        truths: the parameters.
        units: unit of each.
    """
    size = (max(5.0, 3.2 * len(truths)), 0.4 + 3.0 * len(answers))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(answers), len(truths), squeeze=False)
    for axes, (answer, name) in zip(panels.flat, itertools.product(answers, truths), strict=True):
        true, predicted = table[name], table[f"{answer}_{name}"]
        axes.plot(true, predicted, ".", color="0.35", markersize=2, alpha=0.5, rasterized=True)
        ends = [true.min(), true.max()]
        axes.plot(ends, ends, color="black", linewidth=1)
        axes.set_xlabel(f"true {label(name, units)}")
        axes.set_ylabel(f"{answer} {label(name, units)}")
    figure.suptitle(f"Predicted against true, {len(table)} test images")
    return figure


def plot_calibration(
    ranks: pd.DataFrame, metrics: Mapping[str, Metric], slices: Sequence[str], truths: Sequence[str]
) -> Figure:
    """Coverage of the intervals in each slice, and the distribution of the truth's rank less the uniform one.

    Args:
        ranks: as `calibration.rank_table` makes it.
        metrics: with `posterior.coverage68.<slice>.<truth>` and the same of 95 %.
        slices: the first is all of the images, the others are by the SNR that the model finds.
        truths: the parameters.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for percent in (68, 95):
        for number, name in enumerate(slices):
            values = [metrics[f"posterior.coverage{percent}.{name}.{truth}"] for truth in truths]
            left.errorbar(
                np.arange(len(truths)) + 0.12 * (number - (len(slices) - 1) / 2),
                [metric.value for metric in values],
                [[metric.value - metric.low for metric in values], [metric.high - metric.value for metric in values]],
                fmt="os^Dv"[number % 5],
                color=GREYS[number % len(GREYS)],
                markerfacecolor="black" if number == 0 else "white",
                markersize=4,
                label=_told_slice(name) if percent == 95 else None,
            )
        left.axhline(percent / 100, color="0.5", linewidth=1)
    left.set_xticks(range(len(truths)), [name.replace("_", "\n") for name in truths])
    left.set_ylim(0.5, 1.03)
    left.set_ylabel("share of truths in the 68 % and the 95 % interval")
    legend_above(left, columns=2)
    ranks = ranks[ranks["slice"] == slices[0]]
    images = 0
    for number, truth in enumerate(truths):
        here = ranks[ranks["truth"] == truth].sort_values("rank")
        images = int(here["count"].sum())
        cumulated = here["count"].cumsum().to_numpy() / images
        expected = (here["rank"].to_numpy() + 1) / len(here)
        style, grey = STYLES[number % len(STYLES)], GREYS[number % len(GREYS)]
        right.plot(expected, cumulated - expected, style, color=grey, markersize=3, label=truth)
    grid = np.linspace(0, 1, 101)
    band = stats.norm.ppf(0.975) * np.sqrt(grid * (1 - grid) / max(images, 1))
    right.fill_between(grid, -band, band, color="0.85", label="95 % of right ones")
    right.set_xlabel("rank of the truth among the reported quantiles")
    right.set_ylabel("cumulated share − uniform share")
    right.set_ylim(-0.08, 0.08)
    legend_above(right, columns=3)
    figure.suptitle("Can the reported errors be believed?")
    return figure


def _told_slice(name: str) -> str:
    if "snr" not in name:
        return "whole prior"
    low, high = name.partition("snr")[2].split("_")
    return f"SNR found {low} to {high}"


def plot_reference(metrics: Mapping[str, Metric], truths: Sequence[str], images: int) -> Figure:
    """RMSE over that of the exact posterior mean.

    Args:
        metrics: with `posterior.rmse_over_exact.<truth>` and `network.rmse_over_exact.<truth>`.
        truths: the parameters.
        images: how many were compared.
    """
    figure = Figure(figsize=(5.5, 3.8), layout="constrained")
    axes = figure.subplots()
    for shift, answer, name in ((-0.08, "network", "the network alone"), (0.08, "posterior", "the posterior")):
        values = [metrics[f"{answer}.rmse_over_exact.{truth}"] for truth in truths]
        axes.errorbar(
            np.arange(len(truths)) + shift,
            [metric.value for metric in values],
            [[metric.value - metric.low for metric in values], [metric.high - metric.value for metric in values]],
            fmt="s" if shift < 0 else "o",
            color="black",
            markerfacecolor="white" if shift < 0 else "black",
            capsize=4,
            label=name,
        )
    legend_below(figure, columns=2)
    axes.axhline(1, color="black", linewidth=1, linestyle="--")
    axes.set_xticks(range(len(truths)), [name.replace("_", "\n") for name in truths])
    axes.set_ylabel("RMSE / RMSE of the exact posterior mean")
    figure.suptitle(f"What knowing the prior could still give, {images} images")
    return figure


def label(name: str, units: Mapping[str, str]) -> str:
    """A parameter with its unit, as an axis shows it."""
    return f"{name} [{units[name]}]" if units.get(name) else name
