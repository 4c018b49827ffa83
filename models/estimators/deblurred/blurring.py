"""What a PSF does to images, by Fourier transforms, and round PSFs as the atmosphere makes them.

    transfer_bhk = transfer(psf_bkk, size=48)
    seen = blurred(truth_bhw, transfer_bhk)                     # h ⊛ x
    psf_bkk = kolmogorov_psf(fwhm_b, shear_b2, size=41)         # lengths in pixels

Images wrap around: what leaves at one edge comes in at the other. Shape suffixes: b batch, h height, w width, k half of
the frequencies of a row (in `transfer`), or a PSF's side.
"""

import torch
from torch import Tensor
from torch.nn import functional

__label__ = "blurring"

_STRUCTURE = 3.441947
"""6.8839 / 2 of the phase structure function (Fried 1966): MTF = exp(−3.44 (f λ/r₀)^(5/3))."""
_FWHM = 0.9758634
"""Of the PSF over λ/r₀ (GalSim's `Kolmogorov`, Rowe et al. 2015)."""
_WIDER, _FINER = 2, 2
"""Times its side the grid is wide that a PSF is transformed on, so that its wings do not come around; and its points to
a pixel, so that it holds the frequencies that sampling folds back."""


def transfer(psf_bkk: Tensor, *, size: int) -> Tensor:
    """The Fourier transform of PSFs, complex, shape (b, size, size // 2 + 1).

    Args:
        psf_bkk: of odd side, at most `size`, centred on the middle pixel.
        size: of the images.
    """
    side = psf_bkk.shape[1]
    padded_bhw = functional.pad(psf_bkk, (0, size - side, 0, size - side))
    transfer_bhk: Tensor = torch.fft.rfft2(padded_bhw.roll((-(side // 2), -(side // 2)), dims=(1, 2)))
    return transfer_bhk


def blurred(image_bhw: Tensor, transfer_bhk: Tensor) -> Tensor:
    """Images through their PSFs, shape (b, h, w)."""
    return _image(torch.fft.rfft2(image_bhw) * transfer_bhk, image_bhw)


def correlated(image_bhw: Tensor, transfer_bhk: Tensor) -> Tensor:
    """What each pixel of the truth is seen as, summed over an image: the PSF's transpose, shape (b, h, w)."""
    return _image(torch.fft.rfft2(image_bhw) * transfer_bhk.conj(), image_bhw)


def regularised(image_bhw: Tensor, near_bhw: Tensor, transfer_bhk: Tensor, weight_b: Tensor) -> Tensor:
    """The x that makes |y − h ⊛ x|² + weight |x − z|² least: a step of half-quadratic splitting (Geman & Yang 1995).

    Args:
        image_bhw: y, what was seen.
        near_bhw: z, what the answer is to be near to.
        transfer_bhk: of the PSFs.
        weight_b: of z, above 0.
    """
    weight_b11 = weight_b[:, None, None]
    seen, near = torch.fft.rfft2(image_bhw), torch.fft.rfft2(near_bhw)
    found = (transfer_bhk.conj() * seen + weight_b11 * near) / (transfer_bhk.abs().square() + weight_b11)
    return _image(found, image_bhw)


def kolmogorov_psf(fwhm_b: Tensor, shear_b2: Tensor, *, size: int) -> Tensor:
    """PSFs of a turbulent atmosphere in a long exposure (Fried 1966), of sum 1, shape (b, size, size).

    Args:
        fwhm_b: of the round PSF, pixels.
        shear_b2: reduced shear (g1, g2) that is applied to it.
        size: of the side, odd.
    """
    grid, middle = _WIDER * _FINER * size, _FINER * (size // 2)
    down_h1, right_k = (of(grid, 1 / _FINER).to(fwhm_b) for of in (torch.fft.fftfreq, torch.fft.rfftfreq))
    down_h1 = down_h1[:, None]
    g1_b11, g2_b11 = (shear_b2[:, axis, None, None] for axis in (0, 1))
    across_bhk = (1 + g1_b11) * right_k + g2_b11 * down_h1
    along_bhk = g2_b11 * right_k + (1 - g1_b11) * down_h1
    squared_bhk = (across_bhk.square() + along_bhk.square()) / (1 - g1_b11.square() - g2_b11.square())
    argument_bhk = squared_bhk * (fwhm_b[:, None, None] / _FWHM).square()
    spectrum_bhk = torch.exp(-_STRUCTURE * argument_bhk ** (5 / 6))
    psf_bhw = torch.fft.irfft2(spectrum_bhk, s=(grid, grid)).roll((middle, middle), dims=(1, 2))
    psf_bkk: Tensor = psf_bhw[:, : _FINER * size : _FINER, : _FINER * size : _FINER].clamp_min(0)
    psf_bkk /= psf_bkk.sum(dim=(1, 2), keepdim=True)
    return psf_bkk


def _image(spectrum_bhk: Tensor, like_bhw: Tensor) -> Tensor:
    image_bhw: Tensor = torch.fft.irfft2(spectrum_bhk, s=like_bhw.shape[1:])
    return image_bhw
