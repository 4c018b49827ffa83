"""An autoencoder with a bottleneck of six numbers: strided convolutions of 8, 16, 16, 32, 64 and 64 channels, and back.

The one of a summer school's exercise, which leaves no way around its bottleneck: what it answers is one of a family of
images with six parameters. `width` is the number of channels of its first layer, 8 there.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from models.layers import convolution
from models.short_numbers import ShortNumbers

__label__ = "latent_autoencoder"

_WIDER = (1, 2, 2, 4, 8, 8)
"""Channels of each layer over those of the first."""
_LATENT = 6


class LatentAutoencoder(ShortNumbers):
    """Image channels to maps of the same size.

    Args:
        channels: channels of the image.
        maps: how many maps it answers with.
        width: channels of the first layer.
    """

    BOTTLENECK = True
    """Nothing of an image reaches the answer but through it."""

    def __init__(self, *, channels: int, maps: int, width: int) -> None:
        super().__init__()
        wide = [width * factor for factor in _WIDER]
        self.encoder = nn.ModuleList(
            convolution(before, after, stride=2) for before, after in zip([channels, *wide], wide, strict=False)
        )
        self.latent = nn.Linear(wide[-1], _LATENT)
        self.widen = nn.Sequential(nn.Linear(_LATENT, wide[-1]), nn.LeakyReLU(0.1))
        self.decoder = nn.ModuleList(
            convolution(before, after) for before, after in zip(wide[::-1], wide[-2::-1], strict=False)
        )
        self.head = nn.Conv2d(wide[0], maps, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):  # else an image fades in so many layers (He et al. 2015)
                nn.init.kaiming_normal_(layer.weight, a=0.1)

    def forward(self, image_bchw: Tensor) -> Tensor:
        """The maps, shape (b, maps, h, w)."""
        first, *deeper = self.encoder
        sizes: list[Sequence[int]] = [image_bchw.shape[2:]]
        here: Tensor = first(image_bchw)
        with self.shortened(here):
            for encode in deeper:
                sizes.append(here.shape[2:])
                here = encode(here)
        here = self.widen(self.latent(here.float().mean(dim=(2, 3))))[:, :, None, None]
        with self.shortened(here):
            for decode in self.decoder:
                here = decode(_resized(here, sizes.pop()))
        maps_bmhw: Tensor = self.head(_resized(here.float(), sizes.pop()))
        return maps_bmhw


def _resized(map_bchw: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(map_bchw, size=tuple(size), mode="bilinear", align_corners=False)


NETWORK = LatentAutoencoder
