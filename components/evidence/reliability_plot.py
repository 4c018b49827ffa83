"""The reliability curve: what share of all that got a probability was so."""

import pandas as pd
from matplotlib.figure import Figure

__label__ = None


def plot_reliability(table: pd.DataFrame, *, of: str, title: str) -> Figure:
    """Share found against probability, above how many entries have it.

    Args:
        table: as `reliability.reliability_table` makes it.
        of: what an entry is, such as `pixels`.
        title: of the picture.
    """
    figure = Figure(figsize=(5.5, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    upper.plot(table["probability"], table["found"], "o-", color="black", markersize=4)
    upper.set_ylabel("share that was so")
    upper.set_ylim(-0.02, 1.02)
    lower.vlines(table["probability"], 0, table["share"], color="0.4", linewidth=5)
    lower.set_yscale("symlog", linthresh=1e-3)
    lower.set_ylim(0, 1)
    lower.set_xlim(-0.02, 1.02)
    lower.set_ylabel(f"share of {of}")
    lower.set_xlabel("probability answered")
    figure.suptitle(title)
    return figure
