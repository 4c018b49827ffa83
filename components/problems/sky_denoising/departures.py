"""Failure maps of sky denoising: other skies, and each kind of noise stronger or weaker than in training.

    table, metrics = measure_departures(about)

Skies change under the Poisson noise of counts alone, so that one thing is changed at a time.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence import Delivery, FailureAxis, FailureImages, Measuring, measure_along
from components.evidence.denoised import LOSS
from components.fields import Batch, Metric, Seeds, row_seeds
from components.problems.skies import failure_axes
from components.problems.sky_denoising.noises import ADDED, COUNTS
from components.problems.sky_denoising.presentation import present
from components.problems.sky_denoising.scores import of_kind
from components.simulators.galactic_centre import Skies, draw_skies
from models.fields import Arrays

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "sky_denoising_departures"

_STRENGTHS = {
    "gaussian": (0.05, 0.1, 0.2, 0.3, 0.5),
    "poisson": (0.25, 0.5, 0.75, 1.0),
    "masked": (0.1, 0.3, 0.5, 0.7, 0.9),
    "salt_pepper": (0.1, 0.3, 0.5, 0.7, 0.9),
}
_SAID = {
    "gaussian": "Gaussian noise of a pixel / the maximum",
    "poisson": "share of Poisson numbers in the image",
    "masked": "share of pixels lost",
    "salt_pepper": "share of pixels that are salt or pepper",
}
_ON_COUNTS = ("background", "exposure")
"""Axes of other problems that befall counts, which images here are not."""


def measure_departures(about: Measuring) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Along every axis, as `along_axes.measure_along` says.

    Args:
        about: the model.
    """
    settings: Any = about.settings
    axes = sky_axes(settings)
    tables: list[pd.DataFrame] = []
    metrics: dict[str, Metric] = {}
    for kind, here in ((COUNTS, axes), *((kind, [noise_axis(settings, kind)]) for kind in ADDED)):
        table, found = measure_along(of_kind(about, kind), here, _scores, loss=LOSS)
        tables.append(table)
        metrics |= found
    return pd.concat(tables, ignore_index=True), metrics


def sky_axes(settings: Any) -> list[FailureAxis]:
    """Other skies."""
    evaluate = settings.evaluate
    axes = failure_axes(settings.simulate, _images, evaluate.failure_images, evaluate.seed)
    return [axis for axis in axes if axis.name not in _ON_COUNTS]


def noise_axis(settings: Any, kind: str) -> FailureAxis:
    """Another strength of one kind of noise."""
    evaluate, usual = settings.evaluate, getattr(settings.train.noise, kind)
    images = _images(draw_skies(settings.simulate, row_seeds([evaluate.seed, 4], np.arange(evaluate.failure_images))))

    def draw(value: float) -> FailureImages:
        return images if value == usual else replace(images, delivery=_delivered(settings, kind, value))

    return FailureAxis(
        name=f"{kind}_noise",
        label=_SAID[kind],
        case=f"{{:g}} of {kind.replace('_', ' and ')} noise".format,
        values=tuple(sorted({*_STRENGTHS[kind], usual})),
        trained=(usual, usual),
        draw=draw,
    )


def _delivered(settings: Any, kind: str, value: float) -> Delivery:
    """The same skies, spoilt anew by a noise of another strength."""
    noise = replace(settings.train.noise, **{kind: value})
    changed = replace(settings, train=replace(settings.train, noise=noise))

    def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        return present(stored, seed_b, changed, noise=kind, training=False)[0]

    return deliver


def _images(skies: Skies) -> FailureImages:
    return FailureImages(stored={"expected": skies.expected_bhw.astype(np.float32)})


def _scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    miss_bhw = outputs["restored"].double() - batch.targets["clean_image"].double()
    within_bhw = miss_bhw.abs() <= outputs["restored_error"].double()
    true_b = batch.targets["clean_image"].double().sum(dim=(1, 2)).clamp_min(1e-12)
    return {
        LOSS: miss_bhw.square().mean(dim=(1, 2)),
        "flux_bias": miss_bhw.sum(dim=(1, 2)) / true_b,
        "coverage68": within_bhw.double().mean(dim=(1, 2)),
    }
