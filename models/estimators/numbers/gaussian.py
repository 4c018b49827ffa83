"""A Gaussian with a full covariance, as networks say it: a vector of numbers without constraints.

    gaussian = read_gaussian(vector_bo, parameters=5)
    loss_b = gaussian.negative_log_likelihood(truth_bp)

The vector holds the mean, the logarithms of the conditional standard deviations and the lower triangle of a factor L of
the precision LᵀL, which makes every vector a valid distribution (Dorta et al. 2018). Shape suffixes: b batch,
p parameters, o outputs.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__label__ = "gaussian"

_LOG_SD_RANGE = (-6.0, 2.0)
"""Bounds of the log sd, in units of the prior's: e^-6 is far below any bound, e^2 far above the prior."""
_LARGEST_TERM = 30.0
"""Of the triangle, in units of its row's diagonal: correlations beyond 0.999 are rounding."""


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """Mean and factor of the precision."""

    mean_bp: Tensor
    log_sd_bp: Tensor
    """Minus the logarithm of the factor's diagonal."""
    factor_bpp: Tensor
    """Lower triangular L; the precision is LᵀL."""

    def negative_log_likelihood(self, truth_bp: Tensor) -> Tensor:
        """−ln N(truth) up to a constant, shape (b,)."""
        miss_bp1 = self.factor_bpp @ (truth_bp - self.mean_bp)[:, :, None]
        loss_b: Tensor = 0.5 * miss_bp1.square().sum(dim=(1, 2)) + self.log_sd_bp.sum(dim=1)
        return loss_b

    def log_density(self, truth_bp: Tensor) -> Tensor:
        """Ln N(truth), in nats, shape (b,)."""
        constant = 0.5 * truth_bp.shape[1] * math.log(2 * math.pi)
        return -self.negative_log_likelihood(truth_bp) - constant

    def samples(self, count: int) -> Tensor:
        """Draws, shape (b, p, count): the same standard normal ones for every image, in pairs about the mean."""
        parameters = self.mean_bp.shape[1]
        half_ps = torch.randn(parameters, count // 2, generator=torch.Generator().manual_seed(0))
        drawn_ps = torch.cat([half_ps, -half_ps], dim=1).to(self.mean_bp.device)
        drawn_bps = drawn_ps.expand(len(self.mean_bp), -1, -1)
        away_bps: Tensor = torch.linalg.solve_triangular(self.factor_bpp, drawn_bps, upper=False)
        return self.mean_bp[:, :, None] + away_bps

    def covariance(self) -> Tensor:
        """Shape (b, p, p), float32; the inverse is taken in float64."""
        identity_pp = torch.eye(self.mean_bp.shape[1], dtype=torch.float64, device=self.mean_bp.device)
        inverse_bpp = torch.linalg.solve_triangular(self.factor_bpp.double(), identity_pp, upper=False)
        covariance_bpp: Tensor = inverse_bpp @ inverse_bpp.mT
        return covariance_bpp.float()


def vector_length(parameters: int) -> int:
    """Numbers that a Gaussian of so many parameters takes."""
    return parameters * (parameters + 3) // 2


def read_gaussian(vector_bo: Tensor, parameters: int) -> Gaussian:
    """The Gaussian that a vector of `vector_length(parameters)` stands for."""
    vector_bo = vector_bo.float()
    lengths = [parameters, parameters, parameters * (parameters - 1) // 2]
    mean_bp, log_sd_bp, lower_bo = torch.split(vector_bo, lengths, dim=1)
    log_sd_bp = log_sd_bp.clamp(*_LOG_SD_RANGE)
    row, column = torch.tril_indices(parameters, parameters, offset=-1, device=vector_bo.device)
    factor_bpp = torch.diag_embed(torch.ones_like(mean_bp))
    factor_bpp[:, row, column] = lower_bo.clamp(-_LARGEST_TERM, _LARGEST_TERM)
    return Gaussian(mean_bp=mean_bp, log_sd_bp=log_sd_bp, factor_bpp=factor_bpp * torch.exp(-log_sd_bp)[:, :, None])
