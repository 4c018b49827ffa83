"""A mixture of Gaussians, as networks say it: a density that can bend, and be drawn from.

    mixture = read_mixture(vector_bo, parameters=5, components=4)
    log_bs = mixture.log_density(place_bsp)
    place_bsp = mixture.draws(64)

Shape suffixes: b batch, k components, s places, p parameters, o outputs.
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from models.estimators.numbers.gaussian import read_gaussian, vector_length

__label__ = "mixture"

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_LARGEST = 1 - 1e-6
"""Of a quasi-random number between 0 and 1."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Weights, and of each component mean and factor of the precision."""

    log_weight_bk: Tensor
    mean_bkp: Tensor
    log_sd_bkp: Tensor
    """Minus the logarithm of the factor's diagonal."""
    factor_bkpp: Tensor
    """Lower triangular L; a component's precision is LᵀL."""

    def log_density(self, place_bsp: Tensor) -> Tensor:
        """In nats, shape (b, s)."""
        away_bskp = place_bsp[:, :, None] - self.mean_bkp[:, None]
        scaled_bskp = torch.einsum("bkpr,bskr->bskp", self.factor_bkpp, away_bskp)
        constant = self.mean_bkp.shape[2] * _HALF_LOG_2PI
        of_each_bsk = -0.5 * scaled_bskp.square().sum(dim=3) - (self.log_sd_bkp.sum(dim=2) + constant)[:, None]
        log_bs: Tensor = (self.log_weight_bk[:, None] + of_each_bsk).logsumexp(dim=2)
        return log_bs

    def draws(self, count: int) -> Tensor:
        """Places, shape (b, count, p), from each component as many as its weight says.

        The quasi-random numbers that they come from are the same for every image.
        """
        normal_sp, share_s = _quasi_random(count, self.mean_bkp.shape[2])
        device = self.mean_bkp.device
        ends_bk = self.log_weight_bk.exp().cumsum(dim=1).contiguous()
        chosen_bs = torch.searchsorted(ends_bk, share_s.to(device).expand(len(ends_bk), -1).contiguous())
        chosen_bs = chosen_bs.clamp(max=ends_bk.shape[1] - 1)
        row_b1 = torch.arange(len(ends_bk), device=device)[:, None]
        away_bsp1 = torch.linalg.solve_triangular(
            self.factor_bkpp[row_b1, chosen_bs],
            normal_sp.to(device).expand(len(ends_bk), -1, -1)[..., None],
            upper=False,
        )
        place_bsp: Tensor = self.mean_bkp[row_b1, chosen_bs] + away_bsp1[..., 0]
        return place_bsp


def mixture_length(parameters: int, components: int) -> int:
    """Numbers that a mixture takes."""
    return components * (1 + vector_length(parameters))


def read_mixture(vector_bo: Tensor, parameters: int, components: int) -> Mixture:
    """The mixture that a vector of `mixture_length` stands for."""
    vector_bko = vector_bo.reshape(len(vector_bo), components, -1)
    gaussian = read_gaussian(vector_bko[:, :, 1:].flatten(0, 1), parameters)
    shape = (len(vector_bo), components)
    return Mixture(
        log_weight_bk=vector_bko[:, :, 0].float().log_softmax(dim=1),
        mean_bkp=gaussian.mean_bp.reshape(*shape, parameters),
        log_sd_bkp=gaussian.log_sd_bp.reshape(*shape, parameters),
        factor_bkpp=gaussian.factor_bpp.reshape(*shape, parameters, parameters),
    )


@cache
def _quasi_random(count: int, parameters: int) -> tuple[Tensor, Tensor]:
    """Standard normal numbers, and in an order that has nothing to do with them even steps between 0 and 1."""
    with torch.inference_mode(mode=False):
        engine = torch.quasirandom.SobolEngine(parameters, scramble=True, seed=0)  # type: ignore[no-untyped-call]
        sobol = engine.draw(count, dtype=torch.float64)
        normal_sp = torch.special.ndtri(sobol.clamp(1 - _LARGEST, _LARGEST)).float()
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
        return normal_sp[order], (torch.arange(count) + 0.5) / count
