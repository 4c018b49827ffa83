"""Fisher scoring: from any estimate of a galaxy to the maximum of the likelihood, in a few damped steps.

    scored = score(image_bhw, start_bp, sigma_b, fwhm_b, Camera(), steps=3)
    scored.estimate_bp, scored.covariance_bpp, scored.chi2_b

One step from an estimate that is within the noise is as efficient as the maximum itself (Le Cam 1956); the others pay
for a poor start. A step solves (F + λ diag F) δ = score, with the Fisher matrix F and its exact derivatives from
`render_with_derivatives`. It is taken only when it does not lower the likelihood, or else tried again with a larger λ,
so a hopeless image keeps its start. Estimates stay within `Domain`.

Legend of the shape suffixes: b batch, h height, w width, p parameters (`SHAPE`).
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.sersic import render, render_with_derivatives
from models.sersic_parameters import INDEX_RANGE, SHAPE, Camera, check_parameters

_DAMPING = (0.0, 0.3, 3.0, 30.0)
"""λ of the tries of one step: the last goes a thirtieth of the way."""
_LEAST_INFORMATION = 1e-8
"""Least eigenvalue of the scaled Fisher matrix; below, float32 images hold rounding only."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Where estimates may lie, by parameter."""

    flux: tuple[float, float] = (1.0, 1e9)
    """Counts."""
    n: tuple[float, float] = INDEX_RANGE
    half_light_radius: tuple[float, float] = (0.02, 5.0)
    """Arcseconds."""
    shear: float = 0.85
    """Largest |g|."""

    def clamp(self, parameters_bp: Tensor) -> Tensor:
        """The nearest parameters within."""
        flux, n, radius, g1, g2 = parameters_bp.unbind(1)
        shrink = self.shear / torch.hypot(g1, g2).clamp_min(self.shear)
        return torch.stack(
            [
                flux.clamp(*self.flux),
                n.clamp(*self.n),
                radius.clamp(*self.half_light_radius),
                g1 * shrink,
                g2 * shrink,
            ],
            dim=1,
        )


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What scoring comes to."""

    estimate_bp: Tensor
    covariance_bpp: Tensor
    """Inverse Fisher matrix at the estimate."""
    chi2_b: Tensor
    """Σ (image − model)² / variance."""


def score(
    image_bhw: Tensor,
    start_bp: Tensor,
    sigma_b: Tensor,
    fwhm_b: Tensor,
    camera: Camera,
    *,
    steps: int = 3,
    shot_noise: bool = False,
    domain: Domain | None = None,
) -> Scored:
    domain = domain or Domain()
    estimate = domain.clamp(start_bp)
    model, deriv = render_with_derivatives(estimate, fwhm_b, camera)
    dev = _deviance(image_bhw, model, sigma_b, shot_noise)
    for step in range(steps):
        var = _variance(model, sigma_b, shot_noise)
        res = image_bhw - model
        w = res / var
        if shot_noise:
            w = w + (0.5 * (res**2 / var - 1) / var) * (model > 0)
        J = deriv.flatten(2).double()
        A = (J / var.expand_as(model).flatten(1)[:, None].double()) @ J.mT
        b = (J @ w.flatten(1).double()[:, :, None]).squeeze(2)
        new, newdev, newmodel = estimate, dev, model
        todo = torch.ones_like(dev, dtype=torch.bool)
        for lam in _DAMPING:
            trial = _solve(estimate, A, b, lam, domain)
            m = render(*trial.unbind(1), fwhm_b, size=camera.size, pixel_scale=camera.pixel_scale, beta=camera.beta)
            d = _deviance(image_bhw, m, sigma_b, shot_noise)
            ok = todo & (d <= dev)
            new = torch.where(ok[:, None], trial, new)
            newdev = torch.where(ok, d, newdev)
            todo = todo & ~ok
            if not bool(todo.any()):
                break
        estimate, dev = new, newdev
        model, deriv = render_with_derivatives(estimate, fwhm_b, camera)
    var = _variance(model, sigma_b, shot_noise)
    J = deriv.flatten(2).double()
    A = (J / var.expand_as(model).flatten(1)[:, None].double()) @ J.mT
    return Scored(estimate_bp=estimate, covariance_bpp=torch.linalg.pinv(A), chi2_b=dev)


def _solve(est, A, b, lam, domain):
    scale = A.diagonal(dim1=1, dim2=2).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    C = A / scale[:, :, None] / scale[:, None]
    C = C + (lam + 1e-8) * torch.eye(5, dtype=A.dtype)
    rhs = b / scale
    delta = torch.linalg.solve(C, rhs) / scale
    e = est.double()
    free = e + delta
    cl = domain.clamp(free)
    fixed = cl != free
    d0 = torch.where(fixed, cl - e, 0.0) * scale
    F = fixed[:, :, None] | fixed[:, None]
    eye = torch.eye(5, dtype=A.dtype)
    C2 = torch.where(F, eye * C.diagonal(dim1=1, dim2=2)[:, None], C)
    rhs2 = torch.where(fixed, d0 * C.diagonal(dim1=1, dim2=2), rhs - (C @ d0[:, :, None]).squeeze(2))
    delta = torch.linalg.solve(C2, rhs2) / scale
    return domain.clamp(e + delta).to(est.dtype)


def _variance(m, s, shot):
    v = s[:, None, None] ** 2
    return v + m.clamp_min(0) if shot else v


def _deviance(d, m, s, shot):
    v = _variance(m, s, shot)
    r = ((d - m) ** 2 / v).sum((1, 2), dtype=torch.float64)
    if shot:
        r = r + torch.log(v / s[:, None, None] ** 2).sum((1, 2), dtype=torch.float64)
    return r
