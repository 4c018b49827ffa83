"""The network of a deblurring model: steps that know the PSF, and after each a network of maps that knows galaxies.

    restoring = Restoring(network="deep_unet", width=16, steps=2, difference=True)
    found_bhw, log_sd_bhw = restoring(image_bhw, transfer_bhk, noise_b)

The first step is shown what linear filters of several strengths make of the image; each later one brings the answer so
far to the image again (half-quadratic splitting, Geman & Yang 1995; unrolled as by Zhang, Van Gool & Timofte 2020).
Without steps a network is shown the image alone and does not know the PSF. Shape suffixes: b batch, c channels, h
height, w width, k frequencies of a row.
"""

import torch
from torch import Tensor, nn

from models.estimators.deblurred.blurring import regularised
from models.map_networks import find_map_network

__label__ = "restoring"

_MAPS = 2
"""The image, and the logarithm of its error."""
_USUAL = 30.0
"""A weight of the filters, over the noise's square: 1 over the mean square of a usual truth's pixels."""
_STRENGTHS = (0.03, 0.3, 3.0)
"""Of the filters that the first network is shown, times `_USUAL`."""


class Restoring(nn.Module):
    """Images, their PSFs and their noise to images without both.

    Args:
        network: of `models.map_networks`.
        width: its channels.
        steps: how often the image is looked at with its PSF; 0 for never.
        difference: whether the first network says what to add to what it is shown, and not the whole.
    """

    def __init__(self, *, network: str, width: int, steps: int, difference: bool) -> None:
        super().__init__()
        make = find_map_network(network)
        first = len(_STRENGTHS) + 3 if steps else 2
        self.networks = nn.ModuleList(
            make(channels=channels, maps=_MAPS, width=width) for channels in (first, *[5] * (steps - 1))
        )
        self.difference, self.steps = difference, steps
        self.log_weight = nn.Parameter(torch.zeros(max(steps - 1, 0), 2) + torch.tensor([-1.0, 1.0]))

    def forward(self, image_bhw: Tensor, transfer_bhk: Tensor, noise_b: Tensor) -> tuple[Tensor, Tensor]:
        """The image as it was, and the logarithm of its error in noises, shape (b, h, w).

        Args:
            image_bhw: of a root mean square near one.
            transfer_bhk: of its PSF.
            noise_b: of a pixel, in the image's unit.
        """
        level_bhw = noise_b.log()[:, None, None].expand_as(image_bhw)
        # How large PSFs are: the mean square of the transform is the sum of the PSF's squares.
        area_bhw = transfer_bhk.abs().square().mean(dim=(1, 2)).log()[:, None, None].expand_as(image_bhw)
        nothing_bhw = torch.zeros_like(image_bhw)
        shown = [image_bhw, level_bhw]
        begin_bhw = image_bhw
        if self.steps:
            filtered = [
                regularised(image_bhw, nothing_bhw, transfer_bhk, strength * _USUAL * noise_b.square())
                for strength in _STRENGTHS
            ]
            shown, begin_bhw = [*shown, area_bhw, *filtered], filtered[1]
        found_bhw, log_sd_bhw = self._maps(self.networks[0], shown)
        if self.difference:
            found_bhw = begin_bhw + found_bhw
        for network, log_weight in zip(self.networks[1:], self.log_weight.exp(), strict=True):
            nearer = [
                regularised(image_bhw, found_bhw, transfer_bhk, weight * _USUAL * noise_b.square())
                for weight in log_weight
            ]
            added_bhw, log_sd_bhw = self._maps(network, [found_bhw, *nearer, level_bhw, area_bhw])
            found_bhw = found_bhw + added_bhw
        return found_bhw, log_sd_bhw

    @staticmethod
    def _maps(network: nn.Module, shown: list[Tensor]) -> tuple[Tensor, Tensor]:
        maps_bmhw: Tensor = network(torch.stack(shown, dim=1)).to(shown[0].dtype)
        found_bhw, log_sd_bhw = maps_bmhw.unbind(1)
        return found_bhw, log_sd_bhw
