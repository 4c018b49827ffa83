"""Pictures of point sources found: one message each, readable in greyscale. Returned as matplotlib figures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from components.evidence.axis_plots import Shown, plot_axis, worst_case
from components.evidence.legends import legend_below
from components.fields import Batch
from models.estimators.sources import COLUMNS

if TYPE_CHECKING:
    from torch import Tensor

__label__ = None

_SHOWN = {
    "log_score": Shown("log score [nats a pixel]"),
    "accuracy": Shown("accuracy of all pixels"),
    "number": Shown("pixels with sources,\nexpected / true", right=1.0),
    "flux": Shown("flux of all sources,\nanswered / true", right=1.0),
}
_SURE = 0.9
"""Probability from which an example's source is drawn."""
_STYLES = {"all": ("o-", "0.0"), "bright": ("s--", "0.35"), "brightest": ("^:", "0.55")}


def plot_examples(batch: Batch, outputs: "Mapping[str, Tensor]", half_width: float) -> Figure:
    """One row a sky: counts with listed sources, true flux, answered flux, probability of any source.

    Args:
        batch: the skies, with `flux` among the targets.
        outputs: the model's answer.
        half_width: degrees from the centre to the edges.
    """
    figure = Figure(figsize=(13, 3.2 * batch.count), layout="constrained")
    for row, panels in enumerate(figure.subplots(batch.count, 4, squeeze=False)):
        seen = batch.inputs["image"][row].numpy()
        truth, answered, chance = (of[row].numpy() for of in (batch.targets["flux"], outputs["flux"], outputs["mask"]))
        most = float(np.log10(1 + np.quantile(truth, 0.999)))
        shown = [
            ("root of counts, sure sources", np.sqrt(seen), 0.0, float(np.sqrt(np.quantile(seen, 0.999)))),
            ("true log₁₀(1 + flux)", np.log10(1 + truth), 0.0, most),
            ("answered log₁₀(1 + flux)", np.log10(1 + answered), 0.0, most),
            ("probability of a source", chance, 0.0, 1.0),
        ]
        for axes, (title, image, least, highest) in zip(panels, shown, strict=True):
            drawn = axes.imshow(
                image, cmap="gray", origin="lower", vmin=least, vmax=highest, extent=(-half_width, half_width) * 2
            )
            figure.colorbar(drawn, ax=axes, shrink=0.8)
            axes.set_xlabel("X [degrees]")
            if row == 0:
                axes.set_title(title, fontsize=10)
        panels[0].set_ylabel("Y [degrees]")
        listed = outputs["sources"][row][:, : int(outputs["source_count"][row])].numpy()
        column = {name: listed[number] for number, name in enumerate(COLUMNS)}
        likely = column["probability"] >= _SURE
        panels[0].scatter(
            column["x"][likely], column["y"][likely], s=4 * np.sqrt(column["flux"][likely]),
            facecolors="none", edgecolors="white", linewidths=0.6,
        )  # fmt: skip
    return figure


def plot_reliabilities(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Share found against probability, for each mask.

    Args:
        curves: by mask, as `reliability.reliability_table` makes them.
    """
    figure = Figure(figsize=(5.5, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, table in curves.items():
        style, grey = _STYLES[name]
        axes.plot(table["probability"], table["found"], style, color=grey, markersize=5, label=name)
    axes.set_xlabel("probability answered")
    axes.set_ylabel("share of pixels that are")
    legend_below(figure, columns=3)
    figure.suptitle("Do the probabilities mean what they say?")
    return figure


def plot_completeness(table: pd.DataFrame, bright: float) -> Figure:
    """Completeness and purity of bright pixels, by flux.

    Args:
        table: with runs of flux, completeness and purity and their intervals.
        bright: counts above which a pixel is bright.
    """
    figure = Figure(figsize=(6.5, 4.2), layout="constrained")
    axes = figure.subplots()
    low, high = table["flux_from"].clip(lower=0.5), table["flux_to"].clip(upper=300)
    middle = np.sqrt(low * high)
    for name, style, grey, at in (("completeness", "o-", "0.0", 0.97), ("purity", "s--", "0.45", 1.03)):
        value = table[name]
        bars = np.stack([value - table[f"{name}_low"], table[f"{name}_high"] - value])
        axes.errorbar(middle * at, value, bars, fmt=style, color=grey, markersize=5, capsize=2, label=name)
    axes.axvline(bright, color="0.7", linewidth=1)
    axes.set_xscale("log")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("flux [counts]: true for completeness, stated for purity")
    axes.set_ylabel("share of pixels")
    legend_below(figure, columns=3)
    figure.suptitle(f"Pixels brighter than {bright:g} counts, found at a probability of a half")
    return figure


def plot_failure(table: pd.DataFrame) -> Figure:
    """Scores along one axis.

    Args:
        table: rows of one axis, as of `along_axes.measure_along`.
    """
    worst = worst_case(table, "log_score")
    usual = table.loc[table["trained"], "log_score"]
    title = (
        f"{worst['case']}: {worst['log_score']:.3f} nats a pixel, ordinarily {usual.iloc[0]:.3f}; "
        f"{100 * worst['alarm']:.0f} % of such skies are doubted"
    )
    return plot_axis(table, _SHOWN, title[0].upper() + title[1:])
