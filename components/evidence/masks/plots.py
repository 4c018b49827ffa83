"""Pictures of masks: one message each, readable in greyscale. Returned as matplotlib figures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from components.evidence.reliability_plot import plot_reliability
from components.fields import Batch

if TYPE_CHECKING:
    from torch import Tensor

__label__ = None

_SPREAD = (1, 99.5)
"""Percentiles of an image between which its greys run."""


def plot_examples(batch: Batch, outputs: "Mapping[str, Tensor]") -> Figure:
    """One row an image: as seen, with the outlines of both masks, the true mask, and the probability.

    Args:
        batch: the images, with `mask` among the targets.
        outputs: the model's answer, with `mask`, and `threshold` where it says from which probability on pixels count.
    """
    half_b = np.full(len(outputs["mask"]), 0.5)
    threshold_b = outputs["threshold"].numpy() if "threshold" in outputs else half_b
    seen, truth, answered = (of.numpy() for of in (batch.inputs["image"], batch.targets["mask"], outputs["mask"]))
    figure = Figure(figsize=(10, 2.6 * len(seen)), layout="constrained")
    for row, panels in enumerate(figure.subplots(len(seen), 4, squeeze=False)):
        low, high = np.percentile(seen[row], _SPREAD)
        shown = [
            ("as seen", seen[row], low, high),
            ("with both outlines", seen[row], low, high),
            ("true mask", truth[row], 0.0, 1.0),
            ("probability", answered[row], 0.0, 1.0),
        ]
        for axes, (title, image, least, most) in zip(panels, shown, strict=True):
            drawn = axes.imshow(image, cmap="gray", origin="lower", vmin=least, vmax=most)
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title, fontsize=10)
        for mask, level, style, width in (
            (truth[row], 0.5, "solid", 2.0),
            (answered[row], threshold_b[row], "dashed", 1.2),
        ):
            if mask.min() < level <= mask.max():
                grey, edge = ("white", "black") if style == "solid" else ("black", "white")
                outline = panels[1].contour(mask, levels=[level], colors=grey, linestyles=style, linewidths=width)
                # Seen on a dark sky and on a bright galaxy.
                outline.set_path_effects([withStroke(linewidth=width + 1.2, foreground=edge)])
        figure.colorbar(drawn, ax=panels[3], shrink=0.8)
    return figure


def plot_pixel_reliability(curve: pd.DataFrame) -> Figure:
    """Share of pixels that belong to a mask, by the probability answered.

    Args:
        curve: as of `reliability.reliability_table`.
    """
    return plot_reliability(curve, of="pixels", title="Do the probabilities mean what they say?")
