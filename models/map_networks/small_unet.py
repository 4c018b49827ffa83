"""A small U-Net: two halvings, back to full resolution with skip connections, then one value a map and pixel.

After Ronneberger, Fischer & Brox (2015). What is said of a pixel comes from a square of about 30 pixels around it.
"""

import torch
from torch import Tensor, nn

from models.layers import convolution
from models.short_numbers import ShortNumbers

__label__ = "small_unet"


class SmallUNet(ShortNumbers):
    """Image channels to maps of the same size.

    Args:
        channels: channels of the image.
        maps: how many maps it answers with.
        width: channels of the first layer.
    """

    def __init__(self, *, channels: int, maps: int, width: int) -> None:
        super().__init__()
        self.full = nn.Sequential(convolution(channels, width), convolution(width, width))
        self.down1 = nn.Sequential(convolution(width, 2 * width, stride=2), convolution(2 * width, 2 * width))
        self.down2 = nn.Sequential(convolution(2 * width, 4 * width, stride=2), convolution(4 * width, 4 * width))
        self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.merge1 = convolution(4 * width, 2 * width)
        self.up2 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge2 = convolution(2 * width, width)
        self.head = nn.Conv2d(width, maps, 1)

    def forward(self, image_bchw: Tensor) -> Tensor:
        """The maps, shape (b, maps, h, w); both sides of the image must be divisible by 4."""
        full = self.trunk(self.full, image_bchw)
        with self.shortened(full):
            half = self.down1(full)
            quarter = self.down2(half)
            half = self.merge1(torch.cat([self.up1(quarter), half], dim=1))
            full = self.merge2(torch.cat([self.up2(half), full], dim=1))
        maps_bmhw: Tensor = self.head(full.float())
        return maps_bmhw


NETWORK = SmallUNet
