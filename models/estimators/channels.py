"""How a network is shown one image: in units of its noise, or as counts whose noise is their own.

    channels_bchw = image_channels(image_bhw, noise_b)         # noise_b None: counts
    network = Network(channels=channel_count(counts=noise_b is None), …)

Shape suffixes: b batch, c channels, h height, w width.
"""

import torch
from torch import Tensor
from torch.nn import functional

__label__ = "image_channels"

_ROOT = 4.0
"""Of counts: the root of 16 comes to 0, that of 64 to 1."""
_NEAR = (0.25, 0.5, 0.25)
"""Weights of pixels in a row, by which light of a point source is brought together again."""
_AROUND = 3
"""Pixels to either side of one that its surroundings reach."""
_FAINTEST, _BRIGHTEST, _ABOVE = -4.0, 20.0, 3.0
"""Standard deviations above the surroundings between which pixels are told apart, and what comes to 1."""


def channel_count(*, counts: bool) -> int:
    """Channels that an image is shown in."""
    return 3 if counts else 2


def image_channels(image_bhw: Tensor, noise_b: Tensor | None) -> Tensor:
    """The image as a network is shown it, shape (b, c, h, w).

    Args:
        image_bhw: in its unit.
        noise_b: of a pixel of each image; None where images are counts, which tell their noise.
    """
    if noise_b is None:
        return _of_counts(image_bhw.clamp_min(0))
    ratio_bhw = image_bhw / noise_b[:, None, None]
    # Wings live near the noise, cores far above it: one channel resolves each.
    return torch.stack([torch.asinh(ratio_bhw), ratio_bhw / 16], dim=1)


def _of_counts(count_bhw: Tensor) -> Tensor:
    """A root, which makes the noise the same everywhere (Anscombe 1948), of pixels and of small sums, and how far up.

    The last is in standard deviations above the surroundings: what a point source is seen by.
    """
    count_b1hw, near = count_bhw[:, None], torch.tensor(_NEAR, device=count_bhw.device)
    kernel_11kk = torch.outer(near, near)[None, None]
    near_b1hw = functional.conv2d(functional.pad(count_b1hw, (1,) * 4, mode="reflect"), kernel_11kk)
    padded_b1hw = functional.pad(count_b1hw, (_AROUND,) * 4, mode="reflect")
    around_b1hw = functional.avg_pool2d(padded_b1hw, 2 * _AROUND + 1, stride=1)
    above_b1hw = (count_b1hw - around_b1hw) / (around_b1hw + 0.5).sqrt()
    roots = (of_b1hw.sqrt() / _ROOT - 1 for of_b1hw in (count_b1hw, near_b1hw))
    return torch.cat([*roots, above_b1hw.clamp(_FAINTEST, _BRIGHTEST) / _ABOVE], dim=1)
