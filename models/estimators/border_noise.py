"""The noise of a pixel, estimated from the border of an image: what stands in for it where nobody states it.

    sigma_b = border_noise(image_bhw)
    inputs, estimated = completed(inputs, "sigma")

The border is an eighth of the side wide. Its noise is first 1.4826 times the median of its distances from its median
(Hampel 1974), then the standard deviation of what lies within three of these, over the 0.9866 that is left of a
Gaussian's there, until it moves no more: clipping as of backgrounds (Bertin & Arnouts 1996). Where the sky lies does
not count, sources hardly, correlated noise in full; a sky that is not level is taken for noise. Shape suffixes:
b batch, h height, w width, n pixels.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.fields import Arrays

__label__ = "border_noise"

_WIDTH = 8
"""A side over it is the border's width."""
_MAD = 1.4826
"""A Gaussian's standard deviation over its median distance from the median."""
_CLIP = 3.0
"""Standard deviations within which pixels count."""
_ROUNDS = 4
"""Of clipping; a fifth moves the noise of Gaussian pixels by less than one in ten thousand."""
_WITHIN = math.erf(_CLIP / math.sqrt(2))
_LEFT = math.sqrt(1 - 2 * _CLIP * math.exp(-(_CLIP**2) / 2) / math.sqrt(2 * math.pi) / _WITHIN)
"""A Gaussian's standard deviation within `_CLIP`, over its own."""


def border_noise(image_bhw: Tensor) -> Tensor:
    """Noise of a pixel of each image, in its unit, shape (b,); 0 where most pixels of a border are the same."""
    pixel_bn = border(image_bhw, max(1, min(image_bhw.shape[1:]) // _WIDTH))
    distance_bn = pixel_bn - pixel_bn.median(dim=1, keepdim=True).values
    sigma_b1 = _MAD * distance_bn.abs().median(dim=1, keepdim=True).values
    for _ in range(_ROUNDS):
        kept_bn = (distance_bn.abs() <= _CLIP * sigma_b1).to(distance_bn)
        share_b1 = kept_bn.mean(dim=1, keepdim=True)
        distance_bn = distance_bn - (distance_bn * kept_bn).mean(dim=1, keepdim=True) / share_b1
        sigma_b1 = ((distance_bn.square() * kept_bn).mean(dim=1, keepdim=True) / share_b1).sqrt() / _LEFT
    return sigma_b1[:, 0]


def completed(inputs: Arrays, name: str) -> tuple[Arrays, dict[str, Tensor]]:
    """As of `Estimator.completed`, where the noise is all that may be estimated.

    Args:
        inputs: `image` (b, h, w), and what stands beside it.
        name: of the input that is the noise of a pixel.
    """
    if name in inputs:
        return inputs, {}
    estimated = {name: border_noise(inputs["image"])}
    return {**inputs, **estimated}, estimated


def estimated_noise(config: Mapping[str, Any]) -> str | None:
    """The condition that is the noise of a pixel, where its configuration says that it may be estimated.

    Args:
        config: of an estimator: `noise`, the name of that condition or None, and `conditions`, each of which may have
            `estimated`.

    Raises:
        ValueError: when another condition is to be estimated.
    """
    found: str | None = None
    for condition in config["conditions"]:
        if condition.get("estimated", False):
            found = condition["name"]
            if found != config["noise"]:
                raise ValueError(f"{found} is to be estimated: only the noise can be, which is {config['noise']}")
    return found


def border(image_bhw: Tensor, width: int) -> Tensor:
    """Pixels of the border of images, shape (b, n)."""
    inner_bhw = image_bhw[:, width:-width]
    edges = (image_bhw[:, :width], image_bhw[:, -width:], inner_bhw[:, :, :width], inner_bhw[:, :, -width:])
    return torch.cat([edge.flatten(1) for edge in edges], dim=1)
