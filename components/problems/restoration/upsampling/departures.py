"""Failure maps of upsampling: pictures that were blurred, noisy, stretched otherwise, or smaller than is assumed.

    table, metrics = measure_departures(about)

The same pictures of the test split at every value.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from scipy import ndimage

from components.evidence import Delivery, FailureAxis, FailureImages, Measuring, measure_along
from components.evidence.restored import LOSS
from components.fields import Metric, Seeds, normal
from components.problems.restoration.upsampling.degrading import degraded, resizing_of
from components.problems.restoration.upsampling.scores import doubted, picture_scores
from components.problems.restoration.upsampling.settings import FACTOR
from models.fields import Arrays

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "restoration_departures"

_NOISE = 7
"""Stream of random numbers of each picture."""
_FACTORS = (2, 3, 4, 6, 8)
_MEASURED = (LOSS, "gain_db", "coverage68")


def measure_departures(about: Measuring) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Along every axis, as `along_axes.measure_along` says.

    Args:
        about: the model; the first pictures of its split are shown.
    """
    settings: Any = about.settings
    rows = about.rows[: settings.evaluate.failure_pictures]
    picture_bchw = about.dataset.read(("picture",), rows)["picture"].numpy()

    def scores(batch: Any, outputs: Any) -> "dict[str, Tensor]":
        found = picture_scores(batch, outputs)
        return {name: found[name] for name in _MEASURED}

    return measure_along(about, picture_axes(settings, picture_bchw), scores, loss=LOSS, doubted=doubted)


def picture_axes(settings: Any, picture_bchw: "np.ndarray[Any, Any]") -> list[FailureAxis]:
    """Each departure by itself.

    Args:
        settings: all of the problem's.
        picture_bchw: what is shown.
    """
    height, width = settings.simulate.height, settings.simulate.width
    usual = FailureImages(stored={"picture": picture_bchw})
    factors = tuple(factor for factor in _FACTORS if height % factor == width % factor == 0)

    def noisy(sigma: float) -> Delivery:
        def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
            resizing = resizing_of(inputs["image"])
            small = resizing.told(inputs["image"])
            noise = normal(seed_b, tuple(small.shape[1:]), stream=_NOISE, device=small.device)
            return {**inputs, "image": resizing.larger(small + sigma * noise)}

        return deliver

    def blurred(sigma: float) -> Delivery:
        def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
            blurred_bchw = ndimage.gaussian_filter(stored["picture"].cpu().numpy(), (0, 0, sigma, sigma))
            return {**inputs, "image": degraded(torch.from_numpy(blurred_bchw).to(inputs["image"].device))}

        return deliver

    def smaller(factor: float) -> Delivery:
        def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
            return {**inputs, "image": degraded(stored["picture"], int(factor))}

        return deliver

    def delivered(deliver: Callable[[float], Delivery], ordinary: float) -> Callable[[float], FailureImages]:
        return lambda value: usual if value == ordinary else replace(usual, delivery=deliver(value))

    def stretched(gamma: float) -> FailureImages:
        return usual if gamma == 1 else FailureImages(stored={"picture": picture_bchw**gamma})

    return [
        FailureAxis(name=name, label=label, case=case.format, values=values, trained=(ordinary, ordinary), draw=draw)
        for name, label, case, values, ordinary, draw in (
            ("noise", "noise of a pixel of the small picture", "a noise of {:g}",
             (0.0, 0.005, 0.01, 0.02, 0.05), 0.0, delivered(noisy, 0.0)),
            ("psf", "Gaussian blur before resizing [pixels, standard deviation]", "a blur of {:g} pixels",
             (0.0, 0.5, 1.0, 2.0, 4.0), 0.0, delivered(blurred, 0.0)),
            ("factor", "factor by which pictures were smaller", "pictures {:g} times smaller",
             tuple(map(float, factors)), float(FACTOR), delivered(smaller, float(FACTOR))),
            ("stretch", "power of all values", "all values to the power of {:g}",
             (0.5, 0.7, 1.0, 1.4, 2.0), 1.0, stretched),
        )
    ]  # fmt: skip
