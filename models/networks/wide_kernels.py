"""Wide kernels over sorted pixels: how often pixels are how bright, here and there, weighed over a whole image at once.

An image of many faint things says little anywhere and much in all: in how its pixels are distributed, cell by cell. So
each channel's pixels are sorted within coarse cells (order statistics keep all of a distribution, and none of where in
the cell a source happened to be), a few pointwise layers describe each cell, and dense layers weigh both by kernels as
wide as the image. Those are given as cosines, of which the smooth ones learn first. A step costs a tenth of what a deep
network of that resolution takes (`python -m benchmarks freed_memory`).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers import MeanTaker, NetworkOutput
from models.short_numbers import ShortNumbers

__label__ = "wide_kernels"

_CELL = 4
"""Pixels on a side of a cell."""
_WAVES = 10
"""Cosines along a side: weights vary over the image no faster than its diffuse light."""
_HIDDEN = 256
_SLOPE = 0.1
_LEAST = 1e-3
"""Added to standard deviations: features that no image differs in stay finite."""


class WideKernels(ShortNumbers):
    """Image channels and conditions to a vector.

    Args:
        channels: channels of the image.
        size: pixels on a side, divisible by 4.
        conditions: numbers given beside the image.
        outputs: length of the answer.
        width: numbers that describe a cell beside its sorted pixels.
    """

    cosine_wq: Tensor
    damping_ww: Tensor

    def __init__(self, *, channels: int, size: int, conditions: int, outputs: int, width: int) -> None:
        super().__init__()
        cells, pixels = size // _CELL, channels * _CELL**2
        waves = min(_WAVES, cells)
        self.pixels, self.described = FirstSeen((pixels, 1, 1)), FirstSeen((pixels + width, waves, waves))
        self.describe = nn.Sequential(
            *(nn.Conv2d(pixels, 2 * width, 1), nn.LeakyReLU(_SLOPE)),
            *(nn.Conv2d(2 * width, 2 * width, 1), nn.LeakyReLU(_SLOPE)),
            *(nn.Conv2d(2 * width, width, 1), nn.LeakyReLU(_SLOPE)),
        )
        place_q, frequency_w = torch.arange(cells) + 0.5, torch.arange(waves, dtype=torch.float32)
        cosine_wq = torch.cos(math.pi * place_q * frequency_w[:, None] / cells) * math.sqrt(2 / cells)
        damping_ww = 1 / (1 + torch.hypot(frequency_w[:, None], frequency_w))
        self.register_buffer("cosine_wq", cosine_wq, persistent=False)
        self.register_buffer("damping_ww", damping_ww / damping_ww.square().mean().sqrt(), persistent=False)
        self.weigh = nn.Sequential(
            *(nn.Linear((pixels + width) * waves**2 + conditions, _HIDDEN), nn.LeakyReLU(_SLOPE)),
            *(nn.Linear(_HIDDEN, _HIDDEN), nn.LeakyReLU(_SLOPE)),
            nn.Linear(_HIDDEN, outputs),
        )

    def forward(self, image_bchw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """The answer, shape (b, outputs)."""
        sorted_bpqq = self.pixels(_sorted_cells(image_bchw))
        cells_bfqq = torch.cat([sorted_bpqq, self.trunk(self.describe, sorted_bpqq)], dim=1)
        waves_bfww = self.described(self.cosine_wq @ cells_bfqq @ self.cosine_wq.T) * self.damping_ww
        return NetworkOutput(self.weigh(torch.cat([waves_bfww.flatten(1), conditions_bc], dim=1)), None)


class FirstSeen(MeanTaker):
    """Features less their mean over their standard deviation, both of the first batches of a training, and then fixed.

    A batch norm's own batches shake thousands of features that a single layer sums, which then learns more slowly.

    Args:
        shape: of the features; where it is 1 and they are more, their places share mean and standard deviation.
    """

    mean: Tensor
    square: Tensor
    batches: Tensor

    _FIRST = 8

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._shared = tuple(axis + 1 for axis, length in enumerate(shape) if length == 1)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("square", torch.ones(shape))
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, feature: Tensor) -> Tensor:
        """Same shape, (b, *shape); in float32, since in bfloat16 nothing is left of a small variance."""
        feature = feature.float()
        if self.training:
            with torch.no_grad():
                weight = torch.where(self.batches < self._FIRST, 1 / (self.batches + 1), 0.0)
                for level, of in ((self.mean, feature), (self.square, feature.square())):
                    level.lerp_(self.mean_over(of, (0, *self._shared))[0], weight)
                self.batches += 1
        sd = (self.square - self.mean.square()).clamp_min(0).sqrt()
        standard: Tensor = (feature - self.mean) / (sd + _LEAST)
        return standard


def _sorted_cells(image_bchw: Tensor) -> Tensor:
    """Each channel's pixels of each cell, sorted, shape (b, channels · cell², cells, cells)."""
    batch, channels, size, _ = image_bchw.shape
    pixel_bpn = functional.unfold(image_bchw, _CELL, stride=_CELL).view(batch, channels, _CELL**2, -1)
    return pixel_bpn.sort(dim=2).values.reshape(batch, -1, size // _CELL, size // _CELL)


NETWORK = WideKernels
