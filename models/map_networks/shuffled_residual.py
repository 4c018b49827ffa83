"""Residual blocks at a quarter of the resolution: pixels of 4 × 4 squares become channels, and channels pixels again.

After Lim et al. (2017), without batch norm, and Shi et al. (2016). What an image lost by resizing is found there at a
sixteenth of the cost of a U-Net that works at full resolution.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.short_numbers import ShortNumbers

__label__ = "shuffled_residual"

_SIDE = 4
_BLOCKS = 8
_FAINT = 0.01
"""Times its usual weights an untrained network answers with: it starts by adding hardly anything to what is there."""
_DAMPED = 0.1
"""What blocks add is multiplied by: training is steadier (Lim et al. 2017, section 3.3)."""


class ShuffledResidual(ShortNumbers):
    """Image channels to maps of the same size.

    Args:
        channels: channels of the image.
        maps: how many maps it answers with.
        width: channels of the blocks.
    """

    def __init__(self, *, channels: int, maps: int, width: int) -> None:
        super().__init__()
        self.first = _convolution(_SIDE**2 * channels, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(_convolution(width, width), nn.ReLU(), _convolution(width, width)) for _ in range(_BLOCKS)
        )
        self.last = _convolution(width, width)
        self.head = _convolution(width, _SIDE**2 * maps)
        with torch.no_grad():
            self.head.weight.mul_(_FAINT)

    def forward(self, image_bchw: Tensor) -> Tensor:
        """The maps, shape (b, maps, h, w); both sides of the image must be divisible by 4."""
        first = here = self.first(functional.pixel_unshuffle(image_bchw, _SIDE))
        with self.shortened(first):
            for block in self.blocks:
                here = here + _DAMPED * block(here)
            here = self.last(here)
        maps_bmhw: Tensor = functional.pixel_shuffle(self.head(first + here), _SIDE)
        return maps_bmhw


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


NETWORK = ShuffledResidual
