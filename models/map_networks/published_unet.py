"""The U-Net of a summer school's exercise: 8, 16, 32, 64 and 128 channels, dropout, batch norm, leaky ReLU.

After Ronneberger, Fischer & Brox (2015), four halvings by pooling. `width` is the number of channels at full
resolution, 8 in the exercise; its layers are our own choice where the exercise does not tell.
"""

import torch
from torch import Tensor, nn

from models.layers import convolution
from models.short_numbers import ShortNumbers

__label__ = "published_unet"

_HALVINGS = 4
_DROPOUT = 0.1


class PublishedUNet(ShortNumbers):
    """Image channels to maps of the same size.

    Args:
        channels: channels of the image.
        maps: how many maps it answers with.
        width: channels of the first layer.
    """

    def __init__(self, *, channels: int, maps: int, width: int) -> None:
        super().__init__()
        wide = [width * 2**level for level in range(_HALVINGS + 1)]
        self.down = nn.ModuleList(_block(before, after) for before, after in zip([channels, *wide], wide, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * of, of, 2, stride=2) for of in wide[:-1])
        self.merge = nn.ModuleList(_block(2 * of, of) for of in wide[:-1])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(width, maps, 1)

    def forward(self, image_bchw: Tensor) -> Tensor:
        """The maps, shape (b, maps, h, w); both sides of the image must be divisible by 16."""
        first, *deeper = self.down
        kept = [self.trunk(first.children(), image_bchw)]
        with self.shortened(image_bchw):
            for block in deeper:
                kept.append(block(self.pool(kept[-1])))
            here = kept.pop()
            for up, merge in reversed(list(zip(self.up, self.merge, strict=True))):
                here = merge(torch.cat([up(here), kept.pop()], dim=1))
        maps_bmhw: Tensor = self.head(here.float())
        return maps_bmhw


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(convolution(inputs, outputs), nn.Dropout2d(_DROPOUT), convolution(outputs, outputs))


NETWORK = PublishedUNet
