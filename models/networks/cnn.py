"""The plain convolutional network: strided convolutions down to a sixteenth of the size, then two dense layers."""

import torch
from torch import Tensor, nn

from models.layers import NetworkOutput, convolution, dense_head
from models.short_numbers import ShortNumbers

__label__ = "cnn"


class PlainCNN(ShortNumbers):
    """Image channels and conditions to a vector.

    Args:
        channels: channels of the image.
        size: pixels on a side, divisible by 16.
        conditions: numbers given beside the image.
        outputs: length of the answer.
        width: channels of the first layer.
    """

    def __init__(self, *, channels: int, size: int, conditions: int, outputs: int, width: int) -> None:
        super().__init__()
        self.features = convolutions(channels, width)
        self.head = dense_head(4 * width * (size // 16) ** 2 + conditions, 256, outputs)

    def forward(self, image_bchw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """The answer, shape (b, outputs)."""
        seen_bf = torch.cat([self.trunk(self.features, image_bchw), conditions_bc], dim=1)
        return NetworkOutput(self.head(seen_bf), None)


def convolutions(channels: int, width: int) -> nn.Sequential:
    """From an image to `4 * width` numbers at each place of a grid of a sixteenth of its size, as one row."""
    return nn.Sequential(
        convolution(channels, width, kernel=5, stride=2),
        convolution(width, 2 * width, stride=2),
        convolution(2 * width, 2 * width),
        convolution(2 * width, 4 * width, stride=2),
        convolution(4 * width, 4 * width),
        convolution(4 * width, 4 * width, stride=2),
        nn.Flatten(),
    )


NETWORK = PlainCNN
