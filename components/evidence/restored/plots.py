"""Pictures of restored pictures: one message each, readable in greyscale. Returned as matplotlib figures."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from components.evidence.axis_plots import Shown, plot_axis, worst_case
from components.evidence.legends import legend_below
from components.fields import Batch

if TYPE_CHECKING:
    from torch import Tensor

__label__ = None

LOSS = "mse_over_seen"
"""What is said of the worst: the squared error over that of the picture as it is seen."""
_SHOWN = {
    "gain_db": Shown("gain over the picture\nas it is seen [dB]", right=0.0),
    LOSS: Shown("squared error over that of\nthe picture as it is seen", right=1.0),
}


def plot_examples(examples: Mapping[str, tuple[Batch, "Mapping[str, Tensor]"]]) -> Figure:
    """One row a picture: as seen, restored, as it was, how far off, and the stated error.

    Args:
        examples: a picture and the answer to it, by what it is an example of.
    """
    figure = Figure(figsize=(12, 2.7 * len(examples)), layout="constrained")
    for row, (said, (batch, outputs)) in enumerate(examples.items()):
        seen, truth, restored, stated = (
            of[0].float().numpy()
            for of in (batch.inputs["image"], batch.targets["picture"], outputs["restored"], outputs["restored_error"])
        )
        miss_hw = np.abs(restored - truth).mean(axis=0)
        most = float(np.quantile(miss_hw, 0.995))
        shown: Sequence[tuple[str, Any]] = [
            ("as seen", seen), ("restored", restored), ("as it was", truth), ("how far off", miss_hw),
            ("stated error", stated.mean(axis=0)),
        ]  # fmt: skip
        for column, (title, image) in enumerate(shown):
            axes = figure.add_subplot(len(examples), len(shown), row * len(shown) + column + 1)
            if image.ndim == 3:
                axes.imshow(np.clip(np.moveaxis(image, 0, 2), 0, 1))
            else:
                drawn = axes.imshow(image, cmap="gray", vmin=0, vmax=max(most, 1e-6))
                figure.colorbar(drawn, ax=axes, shrink=0.8)
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title, fontsize=9)
            if column == 0:
                axes.set_ylabel(said, fontsize=9)
    return figure


def plot_gains(table: pd.DataFrame) -> Figure:
    """What each picture gains, by how much of it resizing had left.

    Args:
        table: test pictures with the columns `psnr.identity`, `gain_db` and `gain_db.linear`.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    seen = table["psnr.identity"]
    axes.plot(seen, table["gain_db.linear"], "x", color="0.6", markersize=4, label="9 × 9 linear filter")
    axes.plot(seen, table["gain_db"], "o", color="black", markersize=3, label="this model")
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.set_xlabel("PSNR of the picture as it is seen [dB]")
    axes.set_ylabel("gain [dB]")
    legend_below(figure, columns=2)
    worse = float((table["gain_db"] < table["gain_db.linear"]).mean())
    figure.suptitle(f"{100 * worse:.0f} % of the pictures gain less than by a linear filter", fontsize=11)
    return figure


def plot_failure(table: pd.DataFrame) -> Figure:
    """Scores along one axis.

    Args:
        table: rows of one axis, as of `along_axes.measure_along`.
    """
    worst, usual = worst_case(table, LOSS), table.loc[table["trained"], "gain_db"]
    title = (
        f"{worst['case']}: gain {worst['gain_db']:+.2f} dB, ordinarily {usual.iloc[0]:+.2f} dB; "
        f"{100 * worst['alarm']:.0f} % of such pictures are doubted"
    )
    return plot_axis(table, _SHOWN, title[0].upper() + title[1:])
