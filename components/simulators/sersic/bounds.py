"""The Cramér–Rao bound: the least error that an unbiased estimator can have on one image.

    fisher_bpp = galaxy_fisher(parameters_bp, fwhm_b, sigma_b, Camera(), shot_noise=True)
    crb_bp = cramer_rao_bound(fisher_bpp)

F_ab = Σᵢ ∂ₐpᵢ ∂_bpᵢ / σᵢ² for independent Gaussian pixels (Kay 1993, eq. 3.31, with the noise's own dependence on
the parameters left out, as is usual for a variance that the noise level dominates). The derivatives are exact.

Legend of the shape suffixes: b batch, h height, w width, p parameters.
"""

import torch
from torch import Tensor

from models.galaxies import CENTROID, SHAPE, Camera, check_parameters, render_with_derivatives

__label__ = "bounds"

_BLOCK = 64
"""Galaxies whose derivatives are in memory at once: 15 MB at 64 × 64 pixels; more are slower."""


def galaxy_fisher(
    parameters_bp: Tensor,
    fwhm_b: Tensor,
    sigma_b: Tensor,
    camera: Camera,
    *,
    shot_noise: bool,
    free_centroid: bool = False,
) -> Tensor:
    """Fisher matrices of Sérsic galaxies.

    Args:
        parameters_bp: columns as in `SHAPE`, flux in counts; as many rows as wanted.
        fwhm_b: FWHM of the PSF, arcseconds.
        sigma_b: standard deviation of a pixel's Gaussian noise, counts.
        camera: size, pixel scale and PSF slope.
        shot_noise: whether the galaxy's own Poisson noise is added.
        free_centroid: whether the centre is unknown, too: `CENTROID` then follows in rows and columns.

    Returns:
        Shape (b, p, p), float64.

    Raises:
        ValueError: naming the parameter, its value and its range.
    """
    check_parameters({**dict(zip(SHAPE, parameters_bp.unbind(1), strict=True)), "fwhm": fwhm_b}, camera)
    if sigma_b.shape != fwhm_b.shape:
        raise ValueError(f"sigma has shape {tuple(sigma_b.shape)}, fwhm {tuple(fwhm_b.shape)}: must be the same")
    right_b = (sigma_b > 0) & sigma_b.isfinite()
    if not bool(right_b.all()):
        row = int((~right_b).nonzero()[0])
        raise ValueError(f"sigma[{row}] = {float(sigma_b[row]):g}: must be above 0 counts")
    names = (*SHAPE, *CENTROID) if free_centroid else SHAPE
    # In its place from the start: small results between large blocks would keep the allocator from using these again.
    fisher_bpp = parameters_bp.new_empty(len(parameters_bp), len(names), len(names), dtype=torch.float64)
    for values_bp, fwhm, sigma, block_bpp in zip(
        *(torch.split(tensor, _BLOCK) for tensor in (parameters_bp, fwhm_b, sigma_b, fisher_bpp)), strict=True
    ):
        image_bhw, derivative_bphw = render_with_derivatives(values_bp, fwhm, camera, names)
        variance_bhw = (sigma[:, None, None] ** 2).expand_as(image_bhw)
        if shot_noise:  # the sum over k leaves tiny negative pixels, which have no counts to fluctuate
            variance_bhw = variance_bhw + image_bhw.clamp_min(0)
        block_bpp.copy_(fisher_matrix(derivative_bphw, variance_bhw))
    return fisher_bpp


def fisher_matrix(derivative_bphw: Tensor, variance_bhw: Tensor) -> Tensor:
    """Fisher matrices of images with independent Gaussian pixels.

    Args:
        derivative_bphw: of the noise-free image by each parameter.
        variance_bhw: of each pixel's noise.

    Returns:
        Shape (b, p, p), float64.
    """
    scaled_bpn = (derivative_bphw / variance_bhw.sqrt()[:, None]).flatten(2).double()
    fisher_bpp: Tensor = scaled_bpn @ scaled_bpn.mT
    return fisher_bpp


def covariance_bound(fisher_bpp: Tensor) -> Tensor:
    """F⁻¹, the least covariance of unbiased estimates; infinite where the image does not tell the parameters apart."""
    scale_bp = fisher_bpp.diagonal(dim1=-2, dim2=-1).sqrt()  # parameters differ by orders of magnitude
    scales_bpp = scale_bp[..., :, None] * scale_bp[..., None, :]
    inverse_bpp, info_b = torch.linalg.inv_ex(fisher_bpp / scales_bpp)
    sound_b = (info_b == 0) & (inverse_bpp.diagonal(dim1=-2, dim2=-1) > 0).all(dim=-1)
    return torch.where(sound_b[..., None, None], inverse_bpp / scales_bpp, torch.inf)


def cramer_rao_bound(fisher_bpp: Tensor) -> Tensor:
    """√diag F⁻¹: the least standard deviation of each parameter, shape (b, p)."""
    bound_bp: Tensor = covariance_bound(fisher_bpp).diagonal(dim1=-2, dim2=-1).sqrt()
    return bound_bp


def correlation_bound(fisher_bpp: Tensor) -> Tensor:
    """Correlations of the errors of efficient estimates, shape (b, p, p)."""
    covariance_bpp = covariance_bound(fisher_bpp)
    sd_bp = covariance_bpp.diagonal(dim1=-2, dim2=-1).sqrt()
    return covariance_bpp / (sd_bp[..., :, None] * sd_bp[..., None, :])


def biased_bound(bias_p: Tensor, bias_slope_pp: Tensor, covariance_pp: Tensor) -> Tensor:
    """Least RMSE of an estimator with a known bias b: √diag(b bᵀ + (I + ∇b) F⁻¹ (I + ∇b)ᵀ) (Kay 1993, appendix 3B).

    Where parameters correlate, an estimator of one may lean on the others: its own slope alone would bound nothing.

    Args:
        bias_p: mean error at the truth.
        bias_slope_pp: derivative of each bias by each parameter; −I is an estimator that ignores the image.
        covariance_pp: F⁻¹ (`covariance_bound`).

    Returns:
        Shape (p,), in the parameters' units.
    """
    stretch_pp = torch.eye(len(bias_p), dtype=bias_p.dtype, device=bias_p.device) + bias_slope_pp
    return torch.sqrt(bias_p**2 + (stretch_pp @ covariance_pp @ stretch_pp.mT).diagonal())
