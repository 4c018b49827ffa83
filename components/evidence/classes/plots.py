"""Pictures of classes: one message each, readable in greyscale. Returned as matplotlib figures."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

__label__ = None

_DARK = 0.5
"""Share from which a cell is so dark that its number is white."""


def plot_confusion(table: pd.DataFrame) -> Figure:
    """One row a true class: what share of its images was given each class, and how many that are.

    Args:
        table: with the columns `class`, `answered` and `count`, a row for each pair.
    """
    classes = list(table["class"].unique())
    counts = table["count"].to_numpy().reshape(len(classes), len(classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.8 + 0.75 * len(classes)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="gray_r", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        said = f"{100 * share:.0f} %\n{counts[row, column]}"
        axes.text(column, row, said, ha="center", va="center", fontsize=8, color="white" if share > _DARK else "black")
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("answered")
    axes.set_ylabel("true class")
    return figure
