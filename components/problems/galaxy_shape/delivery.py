"""What befalls an image between the camera and the model: a sky left in it, correlated noise, a wrong σ, lost pixels.

    inputs = correlated(0.2, settings)(inputs, stored, seed_b)

Each is a `Delivery` (`components/evidence/numbers/cases.py`): it changes inputs whose noise was drawn already. Shape
suffixes: b batch, h height, w width.
"""

import math

import numpy as np
import torch
from torch import Tensor

from components.evidence import Delivery
from components.fields import Seeds, uniform
from components.simulators.sersic import Array, SersicSettings
from models.fields import Arrays

__label__ = "galaxy_delivery"

_LOST = 3
"""Stream of random numbers of each image; `presentation.py` has those before."""


def with_sky(level: float) -> Delivery:
    """A sky that was not subtracted right: so many σ in every pixel. Its noise is part of σ, which is stated right."""

    def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        return {**inputs, "image": inputs["image"] + level * inputs["sigma"][:, None, None]}

    return deliver


def misstated(ratio: float) -> Delivery:
    """A model is told so many times the σ of the noise."""

    def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        return {**inputs, "sigma": inputs["sigma"] * ratio}

    return deliver


def zeroed(share: float) -> Delivery:
    """Each pixel is lost with this probability, and delivered as zero."""

    def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        image_bhw = inputs["image"]
        drawn_bhw = uniform(seed_b, tuple(image_bhw.shape[1:]), stream=_LOST, device=image_bhw.device)
        return {**inputs, "image": image_bhw.masked_fill(drawn_bhw < share, 0)}

    return deliver


def correlated(correlation: float, settings: SersicSettings) -> Delivery:
    """Noise as of an image that was resampled: smoothed, and of the same variance in each pixel as before.

    Args:
        correlation: of next neighbours along a row or a column, at most 1/√2; diagonal ones have its square.
        settings: whether a galaxy's own noise is part of the variance.
    """

    def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        stamp_bhw = stored["stamp"]
        variance_bhw = (inputs["sigma"][:, None, None] ** 2).expand_as(stamp_bhw)
        if settings.shot_noise:
            variance_bhw = variance_bhw + stamp_bhw.clamp_min(0)
        sd_bhw = variance_bhw.sqrt()
        white_bhw = (inputs["image"] - stamp_bhw) / sd_bhw
        return {**inputs, "image": stamp_bhw + sd_bhw * _smoothed(white_bhw, correlation)}

    return deliver


def correlated_spectrum(correlation: float, size: int) -> Array:
    """Variance of each mode of such noise over the mean one, shape (size, size)."""
    beside = _beside(correlation)
    transform = 1 + 2 * beside * np.cos(2 * np.pi * np.fft.fftfreq(size))
    along: Array = transform**2 / (1 + 2 * beside**2)
    spectrum: Array = along[:, None] * along
    return spectrum


def _smoothed(noise_bhw: Tensor, correlation: float) -> Tensor:
    """White noise smoothed along rows and columns, around the edges, so that no pixel differs from the others."""
    beside = _beside(correlation)
    for along in (1, 2):
        neighbours_bhw = noise_bhw.roll(1, along) + noise_bhw.roll(-1, along)
        noise_bhw = torch.add(noise_bhw, neighbours_bhw, alpha=beside) / math.sqrt(1 + 2 * beside**2)
    return noise_bhw


def _beside(correlation: float) -> float:
    """Weight a of a pixel's neighbours in the kernel (a, 1, a), whose correlation is 2a / (1 + 2a²)."""
    if correlation == 0:
        return 0.0
    return (1 - math.sqrt(1 - 2 * correlation**2)) / (2 * correlation)
