"""The plain convolutional network beside dense layers that see the whole image at once.

A faint object of known place and size is found by its whole shape, which dense layers learn as they are; convolutions
know it wherever it lies. Two branches, global and local, after Chen et al. (2019, GLNet, CVPR).
"""

import torch
from torch import Tensor

from models.layers import GlobalBranch, NetworkOutput, dense_head
from models.networks.cnn import convolutions
from models.short_numbers import ShortNumbers

__label__ = "global_cnn"


class GlobalCNN(ShortNumbers):
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
        self.whole = GlobalBranch(channels, width)
        self.features = convolutions(channels, width)
        self.head = dense_head(4 * width * (size // 16) ** 2 + self.whole.features + conditions, 256, outputs)

    def forward(self, image_bchw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """The answer, shape (b, outputs)."""
        seen_bf = torch.cat([self.trunk(self.features, image_bchw), self.whole(image_bchw), conditions_bc], dim=1)
        return NetworkOutput(self.head(seen_bf), None)


NETWORK = GlobalCNN
