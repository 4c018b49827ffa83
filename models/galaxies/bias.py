"""The first-order bias of a maximum-likelihood estimate, to be taken off it.

    unbiased_bp = estimate_bp - first_order_bias(estimate_bp, covariance_bpp, noise, fwhm_b, camera)

Where an image bends as its parameters change, the maximum of the likelihood lies off the truth on average, by
−½ F⁻¹ Σᵢ (∇pᵢ / variance) tr(F⁻¹ ∇²pᵢ) to first order in 1/SNR² (Box 1971, eq. 2.9; Cox & Snell 1968). The trace is
taken as the sum of second differences over one standard deviation along the columns of a square root of F⁻¹, which
sees the curvature on the scale of the error itself. Shape suffixes: b batch, h height, w width, p parameters.
"""

import torch
from torch import Tensor

from models.galaxies.parameters import Camera
from models.galaxies.pixel_noise import PixelNoise
from models.galaxies.rendering import render_rows, render_with_derivatives
from models.galaxies.scoring import EVERYWHERE

__label__ = "bias"


def first_order_bias(
    estimate_bp: Tensor, covariance_bpp: Tensor, noise: PixelNoise, fwhm_b: Tensor, camera: Camera
) -> Tensor:
    """Expected error of a maximum-likelihood estimate of one galaxy's `SHAPE`.

    Args:
        estimate_bp: the estimate, flux in counts.
        covariance_bpp: inverse Fisher matrix there.
        noise: of the images.
        fwhm_b: FWHM of the PSF, arcseconds.
        camera: size, pixel scale and PSF slope.

    Returns:
        Shape (b, p), float64.
    """
    model_bhw, derivative_bphw = render_with_derivatives(estimate_bp, fwhm_b, camera)
    root_bpp = _square_root(covariance_bpp)
    # Points and their mirror images in one batch: the renderer is fastest on many galaxies of one PSF.
    step_kbp = torch.cat([root_bpp, -root_bpp], dim=2).permute(2, 0, 1).to(estimate_bp.dtype)
    point_bp = EVERYWHERE.clamp((estimate_bp + step_kbp).flatten(0, 1))
    drawn_kbhw = render_rows(point_bp, fwhm_b.repeat(len(step_kbp)), camera)
    bend_bhw = drawn_kbhw.reshape(-1, *model_bhw.shape).sum(dim=0) - len(step_kbp) * model_bhw
    weighted_bhw = (bend_bhw / noise.variance(model_bhw)).double()
    pull_bp1 = derivative_bphw.flatten(2).double() @ weighted_bhw.flatten(1)[:, :, None]
    bias_bp: Tensor = -0.5 * (covariance_bpp @ pull_bp1).squeeze(2)
    return bias_bp


def _square_root(covariance_bpp: Tensor) -> Tensor:
    """A matrix whose product with its transpose is the covariance, which may be singular to rounding."""
    scale_bp = covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()
    values_bp, vectors_bpp = torch.linalg.eigh(covariance_bpp / (scale_bp[:, :, None] * scale_bp[:, None]))
    root_bpp: Tensor = scale_bp[:, :, None] * vectors_bpp * values_bp.clamp_min(0).sqrt()[:, None]
    return root_bpp
