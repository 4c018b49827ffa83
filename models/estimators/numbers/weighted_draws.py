"""Draws from a posterior that count by how likely they are, and what they say together.

    draws = WeightedDraws(value_bsp=value_bsp, log_weight_bs=log_posterior_bs - log_proposal_bs)
    draws.mean_bp, draws.covariance_bpp, draws.quantiles(level_pq), draws.log_evidence_b

Shape suffixes: b batch, s draws, p parameters, q quantiles.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

__label__ = "weighted_draws"

_LEAST = 1e-4
"""Share of a distribution that a rank stays away from its ends."""
_LEAST_EFFECTIVE = 8
"""Draws: an error from fewer is a matter of luck."""
_POWERS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.02, 0.0)


@dataclass(frozen=True, kw_only=True)
class WeightedDraws:
    """Draws of each image."""

    value_bsp: Tensor
    """In physical units, float64."""
    log_weight_bs: Tensor
    """Ln of density over that of what they were drawn from, float64."""

    @cached_property
    def weight_bs(self) -> Tensor:
        """How much each counts; they add up to 1.

        Where fewer than `_LEAST_EFFECTIVE` would count, weights are evened out by a power of theirs until as many do:
        one draw alone has no error, and what was drawn from is the better answer then.
        """
        tempered_tbs = (self.log_weight_bs * self.log_weight_bs.new_tensor(_POWERS)[:, None, None]).softmax(dim=2)
        enough_tb = _effective(tempered_tbs) >= min(_LEAST_EFFECTIVE, self.log_weight_bs.shape[1])
        first_b = enough_tb.int().argmax(dim=0)
        return tempered_tbs[first_b, torch.arange(len(first_b), device=first_b.device)]

    @cached_property
    def effective_b(self) -> Tensor:
        """How many count, by their own weights: (Σ w)² / Σ w² (Kong 1992)."""
        return _effective(self.log_weight_bs.softmax(dim=1))

    @cached_property
    def log_evidence_b(self) -> Tensor:
        """Ln of the mean weight: of the integral of the density."""
        return self.log_weight_bs.logsumexp(dim=1) - math.log(self.log_weight_bs.shape[1])

    @cached_property
    def mean_bp(self) -> Tensor:
        """Of the density."""
        return (self.weight_bs[:, :, None] * self.value_bsp).sum(dim=1)

    @cached_property
    def covariance_bpp(self) -> Tensor:
        """Of the density."""
        away_bsp = self.value_bsp - self.mean_bp[:, None]
        covariance_bpp: Tensor = (self.weight_bs[:, :, None] * away_bsp).mT @ away_bsp
        return covariance_bpp

    def quantiles(self, level: Tensor) -> Tensor:
        """Values below which there is so much of the weight, shape (b, p, q), straight between draws.

        Args:
            level: between 0 and 1, shape (b, p, q), or (p, q) for all images.
        """
        value_bps, order_bps = self.value_bsp.mT.sort(dim=2)
        weight_bps = self.weight_bs[:, None].expand_as(order_bps).gather(2, order_bps)
        middle_bps = weight_bps.cumsum(dim=2) - weight_bps / 2
        level_bpq = level.to(middle_bps).expand(len(middle_bps), -1, -1).contiguous()
        above_bpq = torch.searchsorted(middle_bps.contiguous(), level_bpq).clamp(1, middle_bps.shape[2] - 1)
        ends = [(middle_bps.gather(2, at), value_bps.gather(2, at)) for at in (above_bpq - 1, above_bpq)]
        (low_bpq, from_bpq), (high_bpq, to_bpq) = ends
        share_bpq = ((level_bpq - low_bpq) / (high_bpq - low_bpq).clamp_min(1e-12)).clamp(0, 1)
        return from_bpq + share_bpq * (to_bpq - from_bpq)

    def normal_scores(self, truth_bp: Tensor) -> Tensor:
        """Where truths lie in the draws, as standard normal numbers of the same rank, shape (b, p)."""
        below_bsp = (self.value_bsp < truth_bp[:, None]).double()
        rank_bp = (self.weight_bs[:, :, None] * below_bsp).sum(dim=1)
        scores_bp: Tensor = torch.special.ndtri(rank_bp.clamp(_LEAST, 1 - _LEAST))
        return scores_bp

    def samples(self, count: int) -> Tensor:
        """So many of the draws that count equally, shape (b, count, p)."""
        share_c = (torch.arange(count, dtype=torch.float64, device=self.weight_bs.device) + 0.5) / count
        ends_bs = self.weight_bs.cumsum(dim=1).contiguous()
        chosen_bc = torch.searchsorted(ends_bs, share_c.expand(len(ends_bs), -1).contiguous())
        chosen_bc = chosen_bc.clamp(max=ends_bs.shape[1] - 1)
        return self.value_bsp.gather(1, chosen_bc[:, :, None].expand(-1, -1, self.value_bsp.shape[2]))


def _effective(weight: Tensor) -> Tensor:
    """Of weights that add up to 1 along the last axis."""
    return 1 / weight.square().sum(dim=-1)
