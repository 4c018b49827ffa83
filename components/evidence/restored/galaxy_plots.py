"""Pictures of deblurred galaxies: one message each, readable in greyscale. Returned as matplotlib figures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from components.evidence.axis_plots import Shown, plot_axis, worst_case
from components.evidence.legends import legend_below
from components.evidence.restored.plots import LOSS
from components.fields import Batch

if TYPE_CHECKING:
    from torch import Tensor

__label__ = None

_SOFT = 0.02
"""Of the brightest pixel of a galaxy: where brightness goes over from linear to logarithmic."""
_STYLES = {
    "model": ("o-", "black"),
    "wiener": ("s--", "0.45"),
    "richardson_lucy": ("^:", "0.45"),
    "identity": ("x-", "0.7"),
}
_NAMES = {
    "model": "this model", "wiener": "best linear filter", "richardson_lucy": "Richardson–Lucy", "identity": "as seen",
}  # fmt: skip
_SHOWN = {
    LOSS: Shown("squared error over that of\nthe image as it is seen", right=1.0),
    "coverage68": Shown("share of pixels within\ntheir stated errors", right=0.683),
    "residual": Shown("mean square of what is\nleft, in noises", right=1.0),
}


def plot_galaxies(examples: Mapping[str, tuple[Batch, "Mapping[str, Tensor]"]]) -> Figure:
    """One row a galaxy: as seen, restored, as it was, and how far off in stated errors.

    Args:
        examples: an image and the answer to it, by what it is an example of.
    """
    figure = Figure(figsize=(10, 2.5 * len(examples)), layout="constrained")
    panels = figure.subplots(len(examples), 4, squeeze=False)
    for row, (said, (batch, outputs)) in zip(panels, examples.items(), strict=True):
        seen, truth, restored, stated = (
            of[0].float().numpy()
            for of in (batch.inputs["image"], batch.targets["truth"], outputs["restored"], outputs["restored_error"])
        )
        for axes, (title, image) in zip(
            row, (("as seen", seen), ("restored", restored), ("as it was", truth)), strict=False
        ):
            most = float((seen if title == "as seen" else truth).max())
            axes.imshow(
                np.arcsinh(image / (_SOFT * most)), cmap="gray", vmin=-1, vmax=np.arcsinh(1 / _SOFT), origin="lower"
            )
            axes.set_title(title, fontsize=9)
        pull = (restored - truth) / np.maximum(stated, 1e-12)
        drawn = row[3].imshow(pull, cmap="gray", vmin=-3, vmax=3, origin="lower")
        figure.colorbar(drawn, ax=row[3], shrink=0.8)
        row[3].set_title("off by, in stated errors", fontsize=9)
        for axes in row:
            axes.set_xticks([])
            axes.set_yticks([])
        snr = float((seen**2).sum() / batch.inputs["sigma"][0] ** 2 - seen.size) ** 0.5
        row[0].set_ylabel(f"{said}: SNR {snr:.0f}", fontsize=9)
    return figure


def plot_ways(table: pd.DataFrame, whose: str) -> Figure:
    """Squared error and ellipticity by SNR, of the model and of ways without a network.

    Args:
        table: one row an SNR and way, with `mse` and `ellipticity_error`, and `<score>_low`, `<score>_high`.
        whose: galaxies, in words.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (score, said) in zip(
        figure.subplots(1, 2),
        (("mse", "mean squared error over the light's"), ("ellipticity_error", "median error of the ellipticity")),
        strict=True,
    ):
        for way, (style, colour) in _STYLES.items():
            here = table[table["way"] == way]
            ends = np.abs(here[[f"{score}_low", f"{score}_high"]].to_numpy() - here[[score]].to_numpy()).T
            axes.errorbar(here["snr"], here[score], ends, fmt=style, color=colour, markersize=4, label=_NAMES[way])
        axes.set_xscale("log")
        axes.set_yscale("log")
        snrs = sorted(table["snr"].unique())
        axes.set_xticks(snrs, [str(snr) for snr in snrs])
        axes.minorticks_off()
        axes.set_xlabel("SNR of the image")
        axes.set_ylabel(said)
    legend_below(figure, columns=len(_STYLES))
    figure.suptitle(f"{whose[0].upper()}{whose[1:]}: {_at_best(table)}", fontsize=11)
    return figure


def plot_departure(table: pd.DataFrame) -> Figure:
    """Scores along one axis.

    Args:
        table: rows of one axis, as of `along_axes.measure_along`.
    """
    worst, usual = worst_case(table, LOSS), table.loc[table["trained"], LOSS]
    title = (
        f"{worst['case']}: {worst[LOSS]:.2f} of the error as seen, ordinarily {usual.iloc[0]:.2f}; "
        f"{100 * worst['alarm']:.0f} % of such images are doubted"
    )
    return plot_axis(table, _SHOWN, title[0].upper() + title[1:])


def _at_best(table: pd.DataFrame) -> str:
    """The message: how the model's squared error compares with the best linear filter's, from end to end."""
    by = table.pivot_table(index="snr", columns="way", values="mse")
    ratio = by["model"] / by["wiener"]
    first, last = (f"{ratio.iloc[end]:.2f} at SNR {ratio.index[end]}" for end in (0, -1))
    return f"{first} of the best linear filter's error, {last}"
