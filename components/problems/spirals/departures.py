"""Failure maps of spirals: noise, blur, stretch, inclination and neighbours beyond what a model learned from.

    table, metrics = measure_departures(about, measured, loss="error")

Galaxies are the same at every value but for what the axis says.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence import FailureAxis, FailureImages, Measuring, measure_along
from components.fields import Metric, row_seeds
from components.simulators.spirals import LINEAR, arm_cover, draw_spirals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__label__ = "spiral_departures"

_SNR, _STRETCH = 300.0, 0.05
"""Of ordinary galaxies."""
_ORDINARY = {"axis_ratio": 0.8, "neighbours": 1.0, "psf_fwhm": 2.0}


def measure_departures(
    about: Measuring, measured: Any, *, loss: str, spirals_only: bool
) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Along every axis, as `along_axes.measure_along` says.

    Args:
        about: the model.
        measured: of one batch.
        loss: the score that is a loss, positive.
        spirals_only: whether all galaxies are spirals.
    """
    axes = spiral_axes(about.settings, spirals_only=spirals_only)
    return measure_along(about, axes, measured, loss=loss, doubted=doubted)


def doubted(outputs: "Mapping[str, Tensor]") -> "Tensor":
    """Whether each picture is unlike those that a model is for: 1, else 0."""
    return (~(outputs["departure"].amax(dim=1) <= 1)).double()


def spiral_axes(settings: Any, *, spirals_only: bool) -> list[FailureAxis]:
    """Each departure by itself.

    Args:
        settings: all of the problem's.
        spirals_only: whether all galaxies are spirals.
    """
    count, seed = settings.evaluate.failure_images, settings.evaluate.seed

    def drawn(snr: float = _SNR, stretch: float = _STRETCH, **changed: float) -> FailureImages:
        fixed = _ORDINARY | changed
        ranges = {name: (fixed[name],) * 2 for name in ("axis_ratio", "psf_fwhm")}
        simulate = replace(settings.simulate, reference=0.0, neighbours=fixed["neighbours"], **ranges)
        table, light_bhw, mask_bhw = draw_spirals(
            simulate, row_seeds([seed], np.arange(count)), spirals_only=spirals_only
        )
        of_class = {"class": table["class"].to_numpy(), "arm_cover": arm_cover(mask_bhw)}
        wanted = {"mask": mask_bhw} if spirals_only else of_class
        known = {"snr": snr, "stretch": stretch, "reference": 0.0}
        return FailureImages(
            stored={"light": light_bhw, **wanted, **{name: np.full(count, value) for name, value in known.items()}}
        )

    usual = drawn()

    def axis(
        name: str, label: str, case: str, values: tuple[float, ...], ordinary: float, trained: tuple[float, float]
    ) -> FailureAxis:
        draw: Callable[[float], FailureImages] = lambda value: usual if value == ordinary else drawn(**{name: value})  # noqa: E731
        return FailureAxis(name=name, label=label, case=case.format, values=values, trained=trained, draw=draw)

    simulate = settings.simulate
    return [
        axis("snr", "SNR of the image", "an SNR of {:g}", (5.0, 10.0, 30.0, 100.0, _SNR), _SNR, simulate.snr),
        axis("psf_fwhm", "FWHM of the PSF [pixels]", "a PSF of {:g} pixels", (1.0, 2.0, 3.0, 5.0, 8.0), 2.0,
             simulate.psf_fwhm),
        axis("stretch", "where brightness becomes logarithmic, over the brightest part", "a stretch from {:g} on",
             (0.001, 0.01, _STRETCH, 0.5, LINEAR), _STRETCH, (0.01, 0.5)),
        axis("axis_ratio", "axis ratio of the disk", "disks of axis ratio {:g}", (0.15, 0.25, 0.4, 0.6, 0.8, 1.0), 0.8,
             simulate.axis_ratio),
        axis("neighbours", "neighbours of an image, on average", "{:g} neighbours", (0.0, 1.0, 5.0, 15.0), 1.0,
             (0.0, 5.0)),
    ]  # fmt: skip
