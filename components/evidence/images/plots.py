"""Pictures of restored images: one message each, readable in greyscale. Returned as matplotlib figures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from components.evidence.legends import legend_below
from components.fields import Batch

if TYPE_CHECKING:
    from torch import Tensor

__label__ = None

_GROUPS = 10
"""Images are taken together in so many groups of like stated error."""


def plot_examples(batch: Batch, outputs: "Mapping[str, Tensor]", noise_b: "Tensor") -> Figure:
    """One row an image: as seen, restored, the truth, the difference, and the stated error.

    Args:
        batch: the images, with `clean_image` among the targets.
        outputs: the model's answer, with `restored` and `restored_error`.
        noise_b: noise of a pixel of each image.
    """
    seen, truth = batch.inputs["image"].numpy(), batch.targets["clean_image"].numpy()
    restored, stated = outputs["restored"].numpy(), outputs["restored_error"].numpy()
    figure = Figure(figsize=(12, 2.5 * len(seen)), layout="constrained")
    for row, panels in enumerate(figure.subplots(len(seen), 5, squeeze=False)):
        noise = float(noise_b[row])
        low, high = np.min(truth[row]) - 2 * noise, np.max(truth[row]) + 2 * noise
        difference = (restored[row] - truth[row]) / noise
        shown = [
            ("as seen", seen[row], low, high),
            ("restored", restored[row], low, high),
            ("truth", truth[row], low, high),
            ("(restored − truth) / noise", difference, -2.0, 2.0),
            ("stated error / noise", stated[row] / noise, 0.0, stated[row].max() / noise),
        ]
        for axes, (title, image, least, most) in zip(panels, shown, strict=True):
            drawn = axes.imshow(image, cmap="gray", origin="lower", vmin=least, vmax=most)
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title, fontsize=10)
        figure.colorbar(drawn, ax=panels[4], shrink=0.8)
    return figure


def plot_stated_error(table: pd.DataFrame) -> Figure:
    """Error found against error stated: every image as a point, groups of like stated error above them.

    Args:
        table: test images with the columns `rmse_over_noise` and `stated_over_noise`.
    """
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    stated, found = (table[name].to_numpy() for name in ("stated_over_noise", "rmse_over_noise"))
    axes.plot(stated, found, ".", color="0.7", markersize=2, rasterized=True, label="an image")
    groups = np.array_split(np.argsort(stated), min(_GROUPS, len(stated)))
    means = [[np.sqrt(np.mean(np.square(values[group]))) for group in groups] for values in (stated, found)]
    axes.plot(*means, "o-", color="black", markersize=4, label="a tenth of them")
    ends = [0, max(stated.max(), found.max())]
    axes.plot(ends, ends, color="0.4", linewidth=1, linestyle="--")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("RMSE stated / noise")
    axes.set_ylabel("RMSE found / noise")
    legend_below(figure, columns=2)
    figure.suptitle("Can the stated errors be believed?")
    return figure
