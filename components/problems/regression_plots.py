"""Pictures of a regression evaluation: predicted against true, and errors against the SNR."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

_BINS = 8


def plot_predicted_against_true(table: pd.DataFrame, truths: tuple[str, ...], units: Mapping[str, str]) -> Figure:
    """One panel a parameter: every test image as a point, the line of equality through them.

    Args:
        table: test images with the columns `<truth>` and `predicted_<truth>`.
        truths: the parameters.
        units: unit of each.
    """
    figure = Figure(figsize=(3.2 * len(truths), 3.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(truths), squeeze=False)[0], truths, strict=True):
        true, predicted = table[name], table[f"predicted_{name}"]
        axes.plot(true, predicted, ".", color="0.35", markersize=2, alpha=0.5, rasterized=True)
        ends = [true.min(), true.max()]
        axes.plot(ends, ends, color="black", linewidth=1)
        axes.set_xlabel(f"true {label(name, units)}")
        axes.set_ylabel(f"predicted {label(name, units)}")
    figure.suptitle(f"Predicted against true, {len(table)} test images")
    return figure


def plot_errors_by_snr(table: pd.DataFrame, truths: tuple[str, ...], units: Mapping[str, str]) -> Figure:
    """One panel a parameter: RMSE, |bias| and the bound in bins of equally many images by SNR.

    Args:
        table: test images with the columns `snr`, `<truth>`, `predicted_<truth>` and `crb_<truth>`.
        truths: the parameters.
        units: unit of each.
    """
    figure = Figure(figsize=(3.2 * len(truths), 3.6), layout="constrained")
    bins = pd.qcut(table["snr"], min(_BINS, len(table)), duplicates="drop")
    snr = table["snr"].groupby(bins, observed=True).median()
    for axes, name in zip(figure.subplots(1, len(truths), squeeze=False)[0], truths, strict=True):
        miss = table[f"predicted_{name}"] - table[name]
        # The bound of a bin is a median: a few images with a nearly degenerate bound would hide all others.
        lines = {
            "RMSE": (np.sqrt((miss**2).groupby(bins, observed=True).mean()), "o-", "black"),
            "|bias|": (miss.groupby(bins, observed=True).mean().abs(), "s:", "0.45"),
            "Cramér–Rao bound (median)": (table[f"crb_{name}"].groupby(bins, observed=True).median(), "--", "0.6"),
        }
        for text, (values, style, colour) in lines.items():
            axes.plot(snr, values, style, color=colour, label=text, markersize=4)
        axes.set_yscale("log")
        axes.set_xlabel("SNR")
        axes.set_ylabel(f"error of {label(name, units)}")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.suptitle("Error against SNR")
    return figure


def label(name: str, units: Mapping[str, str]) -> str:
    """A parameter with its unit, as an axis shows it."""
    return f"{name} [{units[name]}]" if units.get(name) else name
