"""The summer school's network for one number of a sky: six convolutions, three poolings, two dense layers.

With 32 channels, one image channel and one output it has 1.45 million parameters, as published; there is no batch norm.
"""

import torch
from torch import Tensor, nn

from models.layers import NetworkOutput
from models.short_numbers import ShortNumbers

__label__ = "single_cnn"


class SingleOutputCNN(ShortNumbers):
    """Image channels and conditions to a vector.

    Args:
        channels: channels of the image.
        size: pixels on a side, divisible by 8.
        conditions: numbers given beside the image.
        outputs: length of the answer.
        width: channels of the first layer, 32 as published.
    """

    def __init__(self, *, channels: int, size: int, conditions: int, outputs: int, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(_step(channels, width), _step(width, 2 * width), nn.MaxPool2d(2)),
            *(_step(2 * width, 4 * width), _step(4 * width, 4 * width), nn.MaxPool2d(2)),
            *(_step(4 * width, 2 * width), nn.MaxPool2d(2), _step(2 * width, width), nn.Flatten()),
        )
        self.head = nn.Sequential(
            *(nn.Linear(width * (size // 8) ** 2 + conditions, 512), nn.ReLU()),
            *(nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, outputs)),
        )

    def forward(self, image_bchw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """The answer, shape (b, outputs)."""
        seen_bf = torch.cat([self.trunk(self.features, image_bchw), conditions_bc], dim=1)
        return NetworkOutput(self.head(seen_bf), None)


def _step(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())


NETWORK = SingleOutputCNN
