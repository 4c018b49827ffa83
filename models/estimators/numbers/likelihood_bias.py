"""The bias of the likelihood's maximum, learned from simulations, to be taken off.

    value_bp = maximum_bp - bias(maximum_bp, covariance_bpp, edge_b, conditions_bc)

First-order expansions (Box 1971) hold near the bound alone; over the prior they do more harm than good. What is learned
here is how far off the maxima of many galaxies like the one found lie on average, parameter by parameter, in units of
the errors found, the shear along the one that was found. Shape suffixes: b batch, p parameters (`SHAPE`),
c conditions.
"""

import torch
from torch import Tensor, nn

from models.estimators.numbers.proposal import turn_along

__label__ = "likelihood_bias"

_HIDDEN = 64
_FARTHEST = 8.0
"""Features beyond look the same."""
_SHEAR = 3
"""Where the two numbers of the shear begin."""


class LikelihoodBias(nn.Module):
    """A dense network.

    Args:
        parameters: how many.
        conditions: how many.
    """

    def __init__(self, parameters: int, conditions: int) -> None:
        super().__init__()
        inner = parameters - 1
        last = nn.Linear(_HIDDEN, inner)
        self.dense = nn.Sequential(
            nn.Linear(inner + parameters + inner * (inner - 1) // 2 + conditions + 2, _HIDDEN),
            nn.SiLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.SiLU(),
            last,
        )
        # Untrained, it takes nothing off.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(
        self, maximum_bp: Tensor, covariance_bpp: Tensor, edge_b: Tensor, conditions_bc: Tensor, noise_b: Tensor
    ) -> Tensor:
        """The bias, in physical units.

        Args:
            maximum_bp: of the likelihood, in physical units.
            covariance_bpp: there.
            edge_b: whether it lies at an edge.
            conditions_bc: standardised.
            noise_b: of a pixel, which fluxes are seen against.
        """
        turn_bpp = turn_along(maximum_bp[:, _SHEAR:])
        turned_bpp = turn_bpp @ covariance_bpp @ turn_bpp.mT
        sd_bp = turned_bpp.diagonal(dim1=1, dim2=2).sqrt()
        correlation_bpp = turned_bpp / (sd_bp[:, :, None] * sd_bp[:, None])
        flux_b, n_b, radius_b = maximum_bp[:, :_SHEAR].unbind(1)
        length_b = torch.linalg.vector_norm(maximum_bp[:, _SHEAR:], dim=1)
        turn_b = 2 * torch.atan2(turn_bpp[:, _SHEAR, _SHEAR + 1], turn_bpp[:, _SHEAR, _SHEAR])
        row, column = torch.tril_indices(_SHEAR + 1, _SHEAR + 1, -1, device=sd_bp.device)
        found_bf = torch.stack(
            [(flux_b / noise_b).log() + 5, n_b / 1.7 - 1.8, 2 * radius_b.log() + 2.4, 4 * length_b - 1], dim=1
        )
        error_bf = torch.stack(
            [(sd_bp[:, 0] / flux_b).log() + 2, sd_bp[:, 1].log(), (sd_bp[:, 2] / radius_b).log() + 2], dim=1
        )
        parts = [
            found_bf,
            error_bf,
            sd_bp[:, _SHEAR:].log() + 2,
            correlation_bpp[:, row, column],
            conditions_bc,
            edge_b[:, None].float(),
            turn_b.cos()[:, None],
        ]
        off_bp = self.dense(torch.cat(parts, dim=1).float().clamp(-_FARTHEST, _FARTHEST))
        along_bp = sd_bp * torch.cat([off_bp, torch.zeros_like(off_bp[:, :1])], dim=1)
        return (turn_bpp.mT @ along_bp[:, :, None])[:, :, 0]
