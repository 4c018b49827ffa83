"""A U-Net of three halvings by strided convolutions: what is said of a pixel comes from all of a small image.

After Ronneberger, Fischer & Brox (2015). Against `small_unet` it has a halving more, which takes in the background
around a pixel; against `published_unet` twice the channels and no dropout, since fresh noise is enough.
"""

import torch
from torch import Tensor, nn

from models.layers import convolution
from models.short_numbers import ShortNumbers

__label__ = "deep_unet"

_HALVINGS = 3


class DeepUNet(ShortNumbers):
    """Image channels to maps of the same size.

    Args:
        channels: channels of the image.
        maps: how many maps it answers with.
        width: channels of the first layer.
    """

    def __init__(self, *, channels: int, maps: int, width: int) -> None:
        super().__init__()
        wide = [width * 2**level for level in range(_HALVINGS + 1)]
        self.full = nn.Sequential(convolution(channels, width), convolution(width, width))
        self.down = nn.ModuleList(
            nn.Sequential(convolution(of, 2 * of, stride=2), convolution(2 * of, 2 * of)) for of in wide[:-1]
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * of, of, 2, stride=2) for of in wide[:-1])
        self.merge = nn.ModuleList(convolution(2 * of, of) for of in wide[:-1])
        self.head = nn.Conv2d(width, maps, 1)

    def forward(self, image_bchw: Tensor) -> Tensor:
        """The maps, shape (b, maps, h, w); both sides of the image must be divisible by 8."""
        kept = [self.trunk(self.full, image_bchw)]
        with self.shortened(image_bchw):
            for down in self.down:
                kept.append(down(kept[-1]))
            here = kept.pop()
            for up, merge in reversed(list(zip(self.up, self.merge, strict=True))):
                here = merge(torch.cat([up(here), kept.pop()], dim=1))
        maps_bmhw: Tensor = self.head(here.float())
        return maps_bmhw


NETWORK = DeepUNet
