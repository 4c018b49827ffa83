"""The summer school's network for several numbers of a sky: deeper and narrower, with a head for each number.

It is described by that, and by its 0.40 million parameters; with 16 channels and the nine numbers of a Gaussian of
three parameters this one has 0.39 million.
"""

import torch
from torch import Tensor, nn

from models.layers import NetworkOutput
from models.short_numbers import ShortNumbers

__label__ = "multi_cnn"

_HIDDEN = 56
"""Of each head."""


class MultiOutputCNN(ShortNumbers):
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
        self.features = nn.Sequential(
            *_pooled(channels, width, 2 * width),
            *_pooled(2 * width, 2 * width, 4 * width),
            *_pooled(4 * width, 4 * width, 4 * width),
            *_pooled(4 * width, 2 * width, 2 * width),
            nn.Flatten(),
        )
        features = 2 * width * (size // 16) ** 2 + conditions
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(features, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1)) for _ in range(outputs)
        )

    def forward(self, image_bchw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """The answer, shape (b, outputs)."""
        features = torch.cat([self.trunk(self.features, image_bchw), conditions_bc], dim=1)
        return NetworkOutput(torch.cat([head(features) for head in self.heads], dim=1), None)


def _pooled(inputs: int, between: int, outputs: int) -> tuple[nn.Module, ...]:
    """Two convolutions, and half the size."""
    first, second = nn.Conv2d(inputs, between, 3, padding=1), nn.Conv2d(between, outputs, 3, padding=1)
    return first, nn.ReLU(), second, nn.ReLU(), nn.MaxPool2d(2)


NETWORK = MultiOutputCNN
