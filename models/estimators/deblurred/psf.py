"""The PSF that an image comes with: an image itself, or a round one that is known by its FWHM; or none.

    psf_bkk = psf_of(inputs, size=41, pixel_scale=0.2)

Shape suffixes: b batch, k a PSF's side.
"""

import torch
from torch import Tensor

from models.estimators.deblurred.blurring import kolmogorov_psf
from models.fields import Arrays

__label__ = "given_psf"

_SUM, _CENTRE = 0.01, 0.1
"""How far a PSF's sum may be from 1, and its centre from the middle of its image in pixels."""


def psf_of(inputs: Arrays, *, size: int, pixel_scale: float) -> Tensor:
    """PSFs as images of sum 1, shape (b, size, size); of images without one a single pixel.

    Args:
        inputs: `image`, and perhaps `psf` or `psf_fwhm` in arcseconds; 0 is as good as none.
        size: pixels on a side.
        pixel_scale: arcseconds a pixel.

    Raises:
        ValueError: when an image has two PSFs, or one that is not normalised or not centred; it is named.
    """
    image_bhw = inputs["image"]
    given_bkk = inputs.get("psf", image_bhw.new_zeros(len(image_bhw), size, size))
    fwhm_b = inputs.get("psf_fwhm", image_bhw.new_zeros(len(image_bhw)))
    drawn_b = given_bkk.abs().amax(dim=(1, 2)) > 0
    _check(given_bkk, drawn_b, round_b=fwhm_b > 0)
    if bool(drawn_b.all()):
        return normalised(given_bkk)
    sum_b11 = given_bkk.sum(dim=(1, 2), keepdim=True)
    round_bkk = kolmogorov_psf(fwhm_b / pixel_scale, fwhm_b.new_zeros(len(fwhm_b), 2), size=size)
    drawn_b11 = drawn_b[:, None, None]
    return torch.where(drawn_b11, given_bkk / torch.where(drawn_b11, sum_b11, 1.0), round_bkk)


def normalised(psf_bkk: Tensor) -> Tensor:
    """PSFs of sum 1."""
    return psf_bkk / psf_bkk.sum(dim=(1, 2), keepdim=True)


def _check(psf_bkk: Tensor, drawn_b: Tensor, *, round_b: Tensor) -> None:
    size = psf_bkk.shape[1]
    place_k = torch.arange(size).to(psf_bkk) - size // 2
    sum_b = psf_bkk.sum(dim=(1, 2))
    down_b, right_b = (psf_bkk.sum(dim=axis) @ place_k / torch.where(drawn_b, sum_b, 1.0) for axis in (2, 1))
    off_b = torch.hypot(down_b, right_b)
    wrong_b = drawn_b & (round_b | ~(((sum_b - 1).abs() <= _SUM) & (off_b <= _CENTRE)))
    if not bool(wrong_b.any()):
        return
    row = int(wrong_b.nonzero()[0, 0])
    if bool(round_b[row]):
        raise ValueError(f"images[{row}] has both psf and psf_fwhm: give one of them")
    if not abs(float(sum_b[row]) - 1) <= _SUM:
        raise ValueError(f"images[{row}].psf adds up to {float(sum_b[row]):.4g}: must be normalised, to 1")
    raise ValueError(
        f"images[{row}].psf is centred {float(off_b[row]):.2g} pixels from the middle of its image (down "
        f"{float(down_b[row]):+.2f}, right {float(right_b[row]):+.2f}): must be within {_CENTRE:g}"
    )
