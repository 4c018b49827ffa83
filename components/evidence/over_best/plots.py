"""Pictures of answers beside the best there are, and of a loss along an axis. Returned as matplotlib figures."""

import pandas as pd
from matplotlib.figure import Figure

from components.evidence.axis_plots import Shown, plot_axis, worst_case
from components.evidence.legends import legend_below

__label__ = None


def plot_over_best(table: pd.DataFrame, score: str, said: str, best: str) -> Figure:
    """A score in the reference regime by SNR, and the best there is.

    Args:
        table: columns `snr`, the score, and `best`; empty where nothing was measured.
        score: its column.
        said: the same in words.
        best: what the best is called.
    """
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel("SNR of the image")
    axes.set_ylabel(said)
    if table.empty:
        figure.suptitle("Not measured: evaluate.reference_images is 0", fontsize=11)
        return figure
    axes.plot(table["snr"], table["best"], "s--", color="0.5", markersize=4, label=best)
    axes.plot(table["snr"], table[score], "o-", color="black", markersize=4, label="this model")
    axes.set_xticks(table["snr"])
    legend_below(figure, columns=2)
    apart = (table[score] - table["best"]).abs()
    figure.suptitle(f"{apart.max():.3f} from the {best} at most", fontsize=11)
    return figure


def plot_loss_along(table: pd.DataFrame, loss: str, said: str) -> Figure:
    """A loss along one axis.

    Args:
        table: rows of one axis, as of `along_axes.measure_along`.
        loss: its column.
        said: the same in words.
    """
    worst, best = worst_case(table, loss), table[loss].min()
    doubted = f"{100 * worst['alarm']:.0f} % of such pictures are doubted"
    title = f"{worst['case']}: {worst[loss]:.2f}, at best {best:.2f}; {doubted}"
    return plot_axis(table, {loss: Shown(said)}, title[0].upper() + title[1:])
