"""Fisher scoring: from any estimate of a galaxy to the maximum of the likelihood, in a few damped steps.

    scored = score(image_bhw, start_bp, sigma_b, fwhm_b, Camera(), steps=3)
    scored.estimate_bp, scored.covariance_bpp, scored.chi2_b

One step from an estimate that is within the noise is as efficient as the maximum itself (Le Cam 1956); the others pay
for a poor start. A step solves (F + λ diag F) δ = score, with the Fisher matrix F and its exact derivatives from
`render_with_derivatives`. It is taken only when it does not lower the likelihood, or else tried again with a larger λ,
so a hopeless image keeps its start. Estimates stay within `Domain`.

Legend of the shape suffixes: b batch, h height, w width, p parameters (`SHAPE`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.galaxies.parameters import SHAPE, Camera, Domain, check_parameters
from models.galaxies.pixel_noise import LEAST_INFORMATION, PixelNoise, fisher_scale, inverse_fisher
from models.galaxies.rendering import render_rows, render_with_derivatives

__label__ = "scoring"

_DAMPING = (0.0, 0.3, 3.0, 30.0)
"""λ of the tries of one step: the last goes a thirtieth of the way."""


EVERYWHERE = Domain()


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What scoring comes to."""

    estimate_bp: Tensor
    covariance_bpp: Tensor
    """Inverse Fisher matrix at the estimate, float64."""
    chi2_b: Tensor
    """Σ (image − model)² / variance, float64."""


def score(
    image_bhw: Tensor,
    start_bp: Tensor,
    sigma_b: Tensor,
    fwhm_b: Tensor,
    camera: Camera,
    *,
    steps: int = 3,
    shot_noise: bool = False,
    domain: Domain = EVERYWHERE,
) -> Scored:
    """Improve estimates by Fisher scoring.

    Args:
        image_bhw: observed images, counts.
        start_bp: any estimate of `SHAPE`, flux in counts; it is moved into the domain first.
        sigma_b: standard deviation of a pixel's Gaussian noise, counts.
        fwhm_b: FWHM of the PSF, arcseconds.
        camera: size, pixel scale and PSF slope.
        steps: how many; none gives the start with its covariance and χ².
        shot_noise: whether the galaxy's own Poisson noise adds to σ².
        domain: where estimates may lie.

    Raises:
        ValueError: naming the argument, its value and its range.
    """
    _check(image_bhw, start_bp, sigma_b, fwhm_b, camera)
    noise = PixelNoise(sigma_b=sigma_b, shot_noise=shot_noise)
    estimate_bp = domain.clamp(start_bp)
    check_parameters({**dict(zip(SHAPE, estimate_bp.unbind(1), strict=True)), "fwhm": fwhm_b}, camera)
    model_bhw, derivative_bphw = render_with_derivatives(estimate_bp, fwhm_b, camera)
    deviance_b = noise.deviance(image_bhw, model_bhw)
    for _ in range(steps):
        fisher_bpp = noise.fisher(model_bhw, derivative_bphw)
        gradient_bp = noise.gradient(image_bhw, model_bhw, derivative_bphw)
        rows = torch.arange(len(estimate_bp), device=estimate_bp.device)
        moved_bp, lowered_b = estimate_bp.clone(), deviance_b.clone()
        for damping in _DAMPING:
            trial_bp = _move(estimate_bp[rows], fisher_bpp[rows], gradient_bp[rows], damping, domain)
            trial_bhw = render_rows(trial_bp, fwhm_b[rows], camera)
            trial_b = noise.of(rows).deviance(image_bhw[rows], trial_bhw)
            better_b = trial_b <= deviance_b[rows]
            moved_bp[rows[better_b]], lowered_b[rows[better_b]] = trial_bp[better_b], trial_b[better_b]
            rows = rows[~better_b]
            if len(rows) == 0:
                break
        estimate_bp, deviance_b = moved_bp, lowered_b
        model_bhw, derivative_bphw = render_with_derivatives(estimate_bp, fwhm_b, camera)
    return Scored(
        estimate_bp=estimate_bp,
        covariance_bpp=inverse_fisher(noise.fisher(model_bhw, derivative_bphw)),
        chi2_b=noise.chi2(image_bhw, model_bhw),
    )


def _move(estimate_bp: Tensor, fisher_bpp: Tensor, gradient_bp: Tensor, damping: float, domain: Domain) -> Tensor:
    """One damped step; parameters that would leave the domain stop at its edge, and the others answer to that."""
    scale_bp = fisher_scale(fisher_bpp)
    matrix_bpp = fisher_bpp / (scale_bp[:, :, None] * scale_bp[:, None])
    matrix_bpp = matrix_bpp + (damping + LEAST_INFORMATION) * torch.eye(len(SHAPE), device=scale_bp.device)
    wanted_bp = gradient_bp / scale_bp
    start_bp = estimate_bp.double()
    free_bp = start_bp + torch.linalg.solve(matrix_bpp, wanted_bp) / scale_bp
    inside_bp = domain.clamp(free_bp)
    stopped_bp = inside_bp != free_bp
    fixed_bp = torch.where(stopped_bp, (inside_bp - start_bp) * scale_bp, 0)
    diagonal_bp = matrix_bpp.diagonal(dim1=1, dim2=2)
    rest_bp = wanted_bp - (matrix_bpp @ fixed_bp[:, :, None]).squeeze(2)
    crossed_bpp = stopped_bp[:, :, None] | stopped_bp[:, None]
    step_bp = torch.linalg.solve(
        torch.where(crossed_bpp, torch.diag_embed(diagonal_bp), matrix_bpp),
        torch.where(stopped_bp, fixed_bp * diagonal_bp, rest_bp),
    )
    return domain.clamp(start_bp + step_bp / scale_bp).to(estimate_bp.dtype)


def _check(image_bhw: Tensor, start_bp: Tensor, sigma_b: Tensor, fwhm_b: Tensor, camera: Camera) -> None:
    count = len(image_bhw)
    shapes = {
        "image": (image_bhw, (count, camera.size, camera.size)),
        "start": (start_bp, (count, len(SHAPE))),
        "sigma": (sigma_b, (count,)),
        "fwhm": (fwhm_b, (count,)),
    }
    for name, (value, shape) in shapes.items():
        if tuple(value.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(value.shape)}: must be {shape}")
        if not bool(value.isfinite().all()):
            row = int((~value.isfinite()).flatten(1 if value.ndim > 1 else 0).nonzero()[0, 0])
            raise ValueError(f"{name}[{row}] holds NaN or infinity: must be finite")
    if not bool((sigma_b > 0).all()):
        row = int((sigma_b <= 0).nonzero()[0])
        raise ValueError(f"sigma[{row}] = {float(sigma_b[row]):g}: must be above 0 counts")
