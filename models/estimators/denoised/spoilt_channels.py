"""How a network is shown an image that noise has spoilt: with what surrounds each pixel, the lost ones left out.

    channels_bchw = spoilt_channels(image_bhw)             # an image whose maximum is 1; CHANNELS of them

Pixels at either end of the range are those that a noise puts there; a mean over the others is one of the image itself.
Shape suffixes: b batch, c channels, h height, w width.
"""

import torch
from torch import Tensor
from torch.nn import functional

__label__ = "spoilt_channels"

_WIDTHS = (1.0, 2.5)
"""Pixels, standard deviations of the surroundings."""
CHANNELS = 4 + 2 * len(_WIDTHS)
_LEAST = 1e-3
"""Weight of a pixel's surroundings in which all pixels are at an end."""


def spoilt_channels(image_bhw: Tensor) -> Tensor:
    """The image and its root, which pixels are 0 and 1, means around each of all pixels and of those between.

    Args:
        image_bhw: in units of its maximum.
    """
    whole_b1hw = image_bhw[:, None].clamp(0, 1)
    none_b1hw, most_b1hw = (of.to(image_bhw.dtype) for of in (whole_b1hw <= 0, whole_b1hw >= 1))
    between_b1hw = 1 - none_b1hw - most_b1hw
    stack_b3hw = torch.cat([whole_b1hw, whole_b1hw * between_b1hw, between_b1hw], dim=1)
    around = []
    for width in _WIDTHS:
        all_b1hw, sum_b1hw, weight_b1hw = _smoothed(stack_b3hw, width)[:, :, None].unbind(1)
        around += [all_b1hw.sqrt(), (sum_b1hw / weight_b1hw.clamp_min(_LEAST)).sqrt()]
    return torch.cat([whole_b1hw, whole_b1hw.sqrt(), none_b1hw, most_b1hw, *around], dim=1)


def _smoothed(maps_bchw: Tensor, width: float) -> Tensor:
    reach, channels = int(3 * width), maps_bchw.shape[1]
    place = torch.arange(-reach, reach + 1, dtype=maps_bchw.dtype, device=maps_bchw.device)
    kernel = torch.exp(-0.5 * (place / width) ** 2)
    kernel = (kernel / kernel.sum()).repeat(channels, 1, 1, 1)
    across = functional.conv2d(functional.pad(maps_bchw, (reach, reach, 0, 0), mode="reflect"), kernel, groups=channels)
    down: Tensor = functional.conv2d(
        functional.pad(across, (0, 0, reach, reach), mode="reflect"), kernel.transpose(2, 3), groups=channels
    )
    return down.clamp_min(0)
