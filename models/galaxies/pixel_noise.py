"""The noise of an image's pixels, and what it makes of a model of the image: χ², likelihood, Fisher matrix.

    noise = PixelNoise(sigma_b=sigma_b, shot_noise=True)
    covariance_bpp = inverse_fisher(noise.fisher(model_bhw, derivative_bphw))

Legend of the shape suffixes: b batch, h height, w width, p parameters.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__label__ = "pixel_noise"

LEAST_INFORMATION = 1e-8
"""Least eigenvalue of the scaled Fisher matrix; below, float32 images hold rounding only."""


@dataclass(frozen=True, kw_only=True)
class PixelNoise:
    """The likelihood: independent Gaussian pixels of variance σ², or σ² + model."""

    sigma_b: Tensor
    """Standard deviation of the Gaussian part, counts."""
    shot_noise: bool
    """Whether the galaxy's own Poisson noise adds to it."""

    def of(self, rows: Tensor) -> "PixelNoise":
        """The noise of some of the images."""
        return PixelNoise(sigma_b=self.sigma_b[rows], shot_noise=self.shot_noise)

    def variance(self, model_bhw: Tensor) -> Tensor:
        """Of every pixel, shape (b, h, w)."""
        variance_b11 = self.sigma_b[:, None, None] ** 2
        return variance_b11 + model_bhw.clamp_min(0) if self.shot_noise else variance_b11.expand_as(model_bhw)

    def chi2(self, image_bhw: Tensor, model_bhw: Tensor) -> Tensor:
        """Σ (image − model)² / variance, shape (b,), float64."""
        return ((image_bhw - model_bhw) ** 2 / self.variance(model_bhw)).sum(dim=(1, 2), dtype=torch.float64)

    def deviance(self, image_bhw: Tensor, model_bhw: Tensor) -> Tensor:
        """−2 ln L up to a constant: χ², and the variance's share where the model sets it."""
        chi2_b = self.chi2(image_bhw, model_bhw)
        if not self.shot_noise:
            return chi2_b
        ratio_bhw = model_bhw.clamp_min(0) / self.sigma_b[:, None, None] ** 2
        return chi2_b + ratio_bhw.log1p().sum(dim=(1, 2), dtype=torch.float64)

    def gradient(self, image_bhw: Tensor, model_bhw: Tensor, derivative_bphw: Tensor) -> Tensor:
        """Derivative of ln L by each parameter."""
        variance_bhw = self.variance(model_bhw)
        miss_bhw = (image_bhw - model_bhw) / variance_bhw
        if self.shot_noise:  # brighter models are noisier, too
            miss_bhw = miss_bhw + 0.5 * (miss_bhw**2 - 1 / variance_bhw) * (model_bhw > 0)
        gradient_bp1: Tensor = derivative_bphw.flatten(2).double() @ miss_bhw.flatten(1).double()[:, :, None]
        return gradient_bp1.squeeze(2)

    def fisher(self, model_bhw: Tensor, derivative_bphw: Tensor) -> Tensor:
        """Σ ∂ₐp ∂_bp / variance, shape (b, p, p), float64."""
        scaled_bpn = (derivative_bphw / self.variance(model_bhw)[:, None].sqrt()).flatten(2).double()
        fisher_bpp: Tensor = scaled_bpn @ scaled_bpn.mT
        return fisher_bpp


def inverse_fisher(fisher_bpp: Tensor) -> Tensor:
    """The covariance; finite, and very large, in directions that the image says nothing about."""
    scale_bp = fisher_scale(fisher_bpp)
    values_bp, vectors_bpp = torch.linalg.eigh(fisher_bpp / (scale_bp[:, :, None] * scale_bp[:, None]))
    inverse_bpp: Tensor = vectors_bpp / values_bp.clamp_min(LEAST_INFORMATION)[:, None] @ vectors_bpp.mT
    return inverse_bpp / (scale_bp[:, :, None] * scale_bp[:, None])


def fisher_scale(fisher_bpp: Tensor) -> Tensor:
    """Parameters differ by orders of magnitude: matrices are inverted with a diagonal of ones."""
    return fisher_bpp.diagonal(dim1=1, dim2=2).sqrt().clamp_min(1e-30)
