"""Pictures of skies without their noise: one message each, readable in greyscale. Returned as matplotlib figures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from components.evidence.axis_plots import Shown, plot_axis, worst_case
from components.fields import Batch

__label__ = None

LOSS = "mse"
"""What is drawn first, and said of the worst."""
_SHOWN = {
    LOSS: Shown("mean squared error [maximum²]"),
    "flux_bias": Shown("bias of all light", right=0.0),
    "coverage68": Shown("share of pixels that\nthe stated error holds", right=0.68),
}


def plot_examples(examples: Mapping[str, tuple[Batch, Mapping[str, Tensor]]]) -> Figure:
    """One row a kind of noise: as seen, restored, the truth, and the difference from it over the stated error.

    Args:
        examples: a sky and the answer to it, by kind of noise.
    """
    figure = Figure(figsize=(12, 2.7 * len(examples)), layout="constrained")
    for row, (kind, (batch, outputs)) in enumerate(examples.items()):
        seen, truth = (of[0].numpy() for of in (batch.inputs["image"], batch.targets["clean_image"]))
        restored, stated = (outputs[name][0].numpy() for name in ("restored", "restored_error"))
        most = float(np.quantile(truth, 0.995))
        shown = [
            ("as seen", seen, 0.0, most),
            ("restored", restored, 0.0, most),
            ("truth", truth, 0.0, most),
            ("difference / stated error", (restored - truth) / stated, -3.0, 3.0),
            ("stated error", stated, 0.0, float(stated.max())),
        ]
        for column, (title, image, least, highest) in enumerate(shown):
            axes = figure.add_subplot(len(examples), len(shown), row * len(shown) + column + 1)
            drawn = axes.imshow(image, cmap="gray", origin="lower", vmin=least, vmax=highest)
            figure.colorbar(drawn, ax=axes, shrink=0.8)
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title, fontsize=9)
            if column == 0:
                axes.set_ylabel(kind.replace("_", " and "))
    return figure


def plot_failure(table: pd.DataFrame) -> Figure:
    """Scores along one axis.

    Args:
        table: rows of one axis, as of `along_axes.measure_along`.
    """
    worst, usual = worst_case(table, LOSS), table.loc[table["trained"], LOSS]
    title = (
        f"{worst['case']}: mean squared error {worst[LOSS]:.2e}, ordinarily {usual.iloc[0]:.2e}; "
        f"{100 * worst['alarm']:.0f} % of such skies are doubted"
    )
    return plot_axis(table, _SHOWN, title[0].upper() + title[1:])
