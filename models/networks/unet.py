"""The U-Net regressor: an encoder and a decoder with skip connections, the last map flattened into a dense layer.

The published one works at full resolution; this one halves the image first, which costs a quarter.
"""

import torch
from torch import Tensor, nn

from models.layers import NetworkOutput, convolution, dense_head
from models.short_numbers import ShortNumbers

__label__ = "unet"


class UNetRegressor(ShortNumbers):
    """Image channels and conditions to a vector.

    Args:
        channels: channels of the image.
        size: pixels on a side, divisible by 8.
        conditions: numbers given beside the image.
        outputs: length of the answer.
        width: channels of the first layer.
    """

    def __init__(self, *, channels: int, size: int, conditions: int, outputs: int, width: int) -> None:
        super().__init__()
        self.stem = convolution(channels, width, kernel=5, stride=2)
        self.down1 = convolution(width, 2 * width, stride=2)
        self.down2 = nn.Sequential(convolution(2 * width, 4 * width, stride=2), convolution(4 * width, 4 * width))
        self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.merge1 = convolution(4 * width, 2 * width)
        self.up2 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.merge2 = convolution(2 * width, 4)
        self.head = dense_head(4 * (size // 2) ** 2 + conditions, 128, outputs)

    def forward(self, image_bchw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """The answer, shape (b, outputs)."""
        half = self.stem(image_bchw)
        with self.shortened(half):
            quarter = self.down1(half)
            eighth = self.down2(quarter)
            quarter = self.merge1(torch.cat([self.up1(eighth), quarter], dim=1))
            half = self.merge2(torch.cat([self.up2(quarter), half], dim=1))
        return NetworkOutput(self.head(torch.cat([half.float().flatten(1), conditions_bc], dim=1)), None)


NETWORK = UNetRegressor
