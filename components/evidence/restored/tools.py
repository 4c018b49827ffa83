"""PSNR and SSIM of pictures whose values lie between 0 and 1; scikit-image's SSIM, met here alone in this room.

psnr(restored_bchw, truth_bchw), ssim(restored_bchw, truth_bchw)     # of each picture
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "picture_tools"

_LEAST = 1e-6
"""Mean squared error that counts as none, 60 dB: what 8 bits hide; a level picture would else decide a mean."""
_WINDOW = 7
"""Pixels on a side of the window of SSIM."""


def psnr(ours_bchw: "Tensor", truth_bchw: "Tensor") -> "Tensor":
    """Peak signal-to-noise ratio of each picture, decibels, shape (b,)."""
    mse_b = (ours_bchw.double() - truth_bchw.double()).square().mean(dim=(1, 2, 3))
    return -10 * mse_b.clamp_min(_LEAST).log10()


def ssim(ours_bchw: "Tensor", truth_bchw: "Tensor") -> "Tensor":
    """Structural similarity of each picture, mean over its bands (Wang et al. 2004), shape (b,)."""
    from skimage.metrics import structural_similarity

    pairs = zip(ours_bchw.cpu().double().numpy(), truth_bchw.cpu().double().numpy(), strict=True)
    found = [
        structural_similarity(ours, truth, win_size=_WINDOW, channel_axis=0, data_range=1.0)  # type: ignore[no-untyped-call]
        for ours, truth in pairs
    ]
    return ours_bchw.new_tensor(found).double()
