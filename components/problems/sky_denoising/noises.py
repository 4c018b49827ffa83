"""The kinds of noise, on images of which the largest pixel is 1.

    image_bhw = with_noise("masked", clean_bhw, seed_b, settings.train.noise)

`counts` adds none: such an image is counts as they were taken, and what is wanted is what was expected. The others
spoil counts that are taken as clean. Shape suffixes: b batch, h height, w width.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from components.fields import Seeds, normal, poisson, uniform

if TYPE_CHECKING:
    from components.problems.sky_denoising.settings import NoiseFactors

__label__ = "sky_noises"

COUNTS = "counts"
NOISES = (COUNTS, "gaussian", "poisson", "masked", "salt_pepper")
"""In the order of the numbers of the target `noise_kind`."""
ADDED = NOISES[1:]
SPARING = ("masked", "salt_pepper")
"""Those that leave the other pixels as they are."""

_OF_NOISE, _OF_PIXELS = 4, 5
"""Streams of random numbers of each image."""


def with_noise(kind: str, clean_bhw: Tensor, seed_b: Seeds, noise: "NoiseFactors") -> Tensor:
    """Images with one kind of noise, clipped to 0 to 1, where that of the clean ones lies.

    Args:
        kind: one of `NOISES`.
        clean_bhw: from 0 to 1.
        seed_b: of each image.
        noise: how strong.
    """
    shape, device = tuple(clean_bhw.shape[1:]), clean_bhw.device
    if kind == "gaussian":
        return (clean_bhw + noise.gaussian * normal(seed_b, shape, stream=_OF_NOISE, device=device)).clamp(0, 1)
    if kind == "poisson":
        counted_bhw = poisson(seed_b, clean_bhw, stream=_OF_NOISE)
        return (clean_bhw + noise.poisson * (counted_bhw - clean_bhw)).clamp(0, 1)
    if kind == "masked":
        lost_bhw = uniform(seed_b, shape, stream=_OF_PIXELS, device=device) < noise.masked
        return torch.where(lost_bhw, 0.0, clean_bhw)
    if kind == "salt_pepper":
        hit_bhw = uniform(seed_b, shape, stream=_OF_PIXELS, device=device)
        salt_bhw = hit_bhw < noise.salt_pepper / 2
        most_b11 = clean_bhw.amax(dim=(1, 2), keepdim=True)
        spoilt_bhw = torch.where(salt_bhw, most_b11, 0.0)
        return torch.where(hit_bhw < noise.salt_pepper, spoilt_bhw, clean_bhw)
    assert kind == COUNTS
    return clean_bhw
