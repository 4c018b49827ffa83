"""A U-Net that is told what dense layers make of the whole image at once.

Where noise hides each part of an object and all of it together can be seen, as faint spiral arms, a pixel's answer
hangs on every other pixel: convolutions bring that about in many steps, dense layers in one. Two branches, global and
local, after Chen et al. (2019, GLNet, CVPR).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers import GlobalBranch
from models.map_networks.deep_unet import DeepUNet

__label__ = "global_unet"


class GlobalUNet(nn.Module):
    """Image channels to maps of the same size.

    Args:
        channels: channels of the image.
        maps: how many maps it answers with.
        width: channels of the U-Net's first layer.
    """

    def __init__(self, *, channels: int, maps: int, width: int) -> None:
        super().__init__()
        self.maps = maps
        self.whole = GlobalBranch(channels, width)
        self.rough = nn.Linear(self.whole.features, maps * self.whole.side**2)
        self.unet = DeepUNet(channels=channels + maps, maps=maps, width=width)

    def forward(self, image_bchw: Tensor) -> Tensor:
        """The maps, shape (b, maps, h, w); both sides of the image must be divisible by 8."""
        rough_bmss = self.rough(self.whole(image_bchw)).unflatten(1, (self.maps, self.whole.side, self.whole.side))
        rough_bmhw = functional.interpolate(rough_bmss, size=tuple(image_bchw.shape[2:]), mode="bilinear")
        maps_bmhw: Tensor = rough_bmhw + self.unet(torch.cat([image_bchw, rough_bmhw], dim=1))
        return maps_bmhw


NETWORK = GlobalUNet
