"""Pictures of biases: over the prior, point by point, and of the shear; see `plots.py` for the rest."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from components.evidence.legends import legend_below
from components.evidence.numbers.answers import LIKELIHOOD
from components.evidence.numbers.bias_grid import UNBIASED
from components.evidence.numbers.plots import label

__label__ = None

_SNR = "snr"
_SHOWN = 1.0
"""Bounds: points with more bias are drawn at the panel's edge."""
_LINTHRESH = 0.01


def plot_bias_grid(table: pd.DataFrame, truths: Sequence[str], units: Mapping[str, str]) -> Figure:
    """The likelihood's bias at every point against the SNR; points near edges are open.

    Args:
        table: as `bias_grid.measure_grid` makes it.
        truths: the parameters.
        units: unit of each.
    """
    figure = Figure(figsize=(3.0 * len(truths), 3.9), layout="constrained")
    here = table[table["answer"] == LIKELIHOOD]
    for axes, truth in zip(figure.subplots(1, len(truths), sharey=True), truths, strict=True):
        axes.axhspan(-UNBIASED, UNBIASED, color="0.88", zorder=0)
        for judged, part in here[here["truth"] == truth].groupby("judged"):
            bias = part["bias_over_crb"].clip(-_SHOWN, _SHOWN)
            axes.errorbar(
                part[_SNR],
                bias,
                (bias - part["low"]).clip(lower=0),
                fmt="o",
                color="black" if judged else "0.6",
                markerfacecolor="black" if judged else "white",
                markersize=3.5,
                linewidth=0.6,
                label="judged" if judged else "near an edge of what can be drawn",
            )
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_ylim(-1.05 * _SHOWN, 1.05 * _SHOWN)
        axes.set_xscale("log")
        axes.set_xticks([10, 20, 40, 70, 100], minor=False)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel("SNR")
        axes.set_title(label(truth, units))
    figure.axes[0].set_ylabel("bias of the likelihood / bound")
    legend_below(figure, columns=2)
    figure.suptitle(f"Shaded: |bias| ≤ {UNBIASED} bounds; the intervals of all points hold together")
    return figure


def plot_shear_bias(table: pd.DataFrame) -> Figure:
    """Multiplicative bias in slices of the SNR found, of both answers, as measured and after the learned response.

    Args:
        table: one row a slice, answer and quantity, with `value`, `low` and `high`.
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    slices = [name for name in table["slice"].unique() if name == "all" or name.startswith(_SNR)]
    kinds = [(answer, of) for answer in table["answer"].unique() for of in ("m", "m_after_response")]
    for number, (answer, of) in enumerate(kinds):
        here = table[(table["answer"] == answer) & (table["of"] == of)].set_index("slice").loc[slices]
        raw = of == "m"
        axes.errorbar(
            np.arange(len(slices)) + 0.12 * (number - 1.5),
            here["value"],
            (here["value"] - here["low"], here["high"] - here["value"]),
            fmt="s" if answer == LIKELIHOOD else "o",
            color="0.5" if raw else "black",
            markerfacecolor="white" if raw else "black",
            markersize=6,
            linewidth=1,
            label=f"{answer}{'' if raw else ', after response'}",
        )
    axes.axhspan(-2e-3, 2e-3, color="0.85", zorder=0)
    axes.set_yscale("symlog", linthresh=_LINTHRESH)
    axes.set_yticks([-0.3, -0.1, -0.03, -0.01, -0.005, 0, 0.005, 0.01, 0.03, 0.1], minor=False)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xticks(range(len(slices)), [_named(name) for name in slices])
    axes.set_xlabel("SNR that the model finds")
    axes.set_ylabel("multiplicative bias m of the shear")
    legend_below(figure, columns=2)
    figure.suptitle("Shaded: |m| ≤ 0.002")
    return figure


def _named(slice_name: str) -> str:
    """As an axis names a slice."""
    text = slice_name.removeprefix(_SNR).removeprefix("_")
    return text.replace("above", "above ").replace("below", "below ").replace("_", "–")
