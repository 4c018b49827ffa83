"""Whether inputs lie in the ranges that a model was measured in: one number says of each input where it lies.

    ranges = {"image": [0.9, 2.4], "sigma": [100.0, 400.0]}
    input_doubts({"inputs": ranges}, summaries(inputs, noise_b))     # [["image loudness 7.1 is outside of …"], []]

A scalar speaks for itself, an image by its loudness: the root mean square of its pixels in units of the noise. All are
positive. Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from models.fields import Arrays

__label__ = "input_ranges"

_IMAGE = "image"
_SAID = {_IMAGE: "image loudness"}
"""What a summary is called where it is not the input itself."""
_SLACK = 1e-6
"""Of either end: inputs arrive as float32."""
_BEYOND = 3.0
"""Times the upper end of its range an input is where it must be doubted."""


def summaries(inputs: Arrays, noise_b: Tensor) -> dict[str, Tensor]:
    """One number for each input and image, shape (b,) each.

    Args:
        inputs: `image` (b, h, w), and scalars (b,).
        noise_b: noise of a pixel of each image, in the image's unit.
    """
    return {name: _loudness(array, noise_b) if name == _IMAGE else array for name, array in inputs.items()}


def input_doubts(region: Mapping[str, Any], summaries: Mapping[str, Tensor]) -> list[list[str]]:
    """For each image the inputs that lie outside of the region, one line each.

    Args:
        region: `inputs`: for each input the range (low, high) of its summary.
        summaries: of the inputs, shape (b,) each.
    """
    count = len(next(iter(summaries.values())))
    said: list[list[str]] = [[] for _ in range(count)]
    for name, limits in region["inputs"].items():
        for lines, value in zip(said, summaries[name].tolist(), strict=True):
            line = _outside(name, value, limits)
            lines += [line] if line else []
    return said


def pushed_beyond(inputs: Arrays, region: Mapping[str, Any], noise: Callable[[Arrays], Tensor]) -> dict[str, Tensor]:
    """The same inputs, each far above its range.

    Args:
        inputs: as of `summaries`.
        region: as of `input_doubts`.
        noise: from inputs to the noise of a pixel of each image, shape (b,).
    """
    ends = {name: _BEYOND * high for name, (_, high) in region["inputs"].items()}
    changed = {name: torch.full_like(array, ends[name]) if name in ends else array for name, array in inputs.items()}
    if _IMAGE in ends:  # after the noise, which its loudness is counted in
        image_bhw, noise_bhw = inputs[_IMAGE], noise(changed)[:, None, None]
        loudness_bhw = _loudness(image_bhw, noise_bhw[:, 0, 0])[:, None, None]
        # An empty image cannot be scaled up: it becomes a level one.
        changed[_IMAGE] = ends[_IMAGE] * torch.where(loudness_bhw > 0, image_bhw / loudness_bhw, noise_bhw)
    return changed


def _loudness(image_bhw: Tensor, noise_b: Tensor) -> Tensor:
    return (image_bhw / noise_b[:, None, None]).square().mean(dim=(1, 2)).sqrt()


def _outside(name: str, value: float, limits: list[float]) -> str:
    low, high = limits
    if low * (1 - _SLACK) <= value <= high * (1 + _SLACK):  # NaN lies nowhere
        return ""
    return f"{_SAID.get(name, name)} {value:.4g} is outside of {low:.4g} to {high:.4g}, where the model was measured"
