"""Levels of flux: none, and runs that grow by the root of two, with the flux that each stands for.

    levels = FluxLevels({"bright": 5.0, "least": 0.44, "edges": 22, "mean": […], "sd": […]})
    levels.of(flux_bhw)                            # (b, h, w), number of the level
    levels.flux(probability_blhw)                  # mean and standard deviation, (b, h, w) each

Shape suffixes: b batch, l levels, h height, w width.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

__label__ = "flux_levels"

_LEVELS = (0.16, 0.5, 0.84)
"""Of the quantiles of an interval."""


class FluxLevels(nn.Module):
    """The levels.

    Args:
        config: with the keys
            edges: ends of the levels of fluxes above 0, counts, ascending; the last level has none;
            mean, sd: of the flux in each level above 0, counts;
            bright: of the edges, the one from which a pixel is a bright one.

    Raises:
        ValueError: when `bright` is no edge, or there is not one mean and sd more than edges.
    """

    edge_e: Tensor
    mean_l: Tensor
    variance_l: Tensor
    low_l: Tensor
    high_l: Tensor
    """Ends of the levels, those of the first and last half and twice their neighbour."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        edges, mean, sd = (list(map(float, config[name])) for name in ("edges", "mean", "sd"))
        if config["bright"] not in edges:
            raise ValueError(f"levels.bright = {config['bright']!r}: must be one of the edges {edges}")
        if not len(mean) == len(sd) == len(edges) + 1:
            raise ValueError(f"levels have {len(mean)} means and {len(sd)} sds: must be {len(edges) + 1} of either")
        self.first_bright = edges.index(config["bright"]) + 2
        """Number of the first level of bright pixels."""
        for name, values in {
            "edge_e": edges,
            "mean_l": [0.0, *mean],
            "variance_l": [0.0, *(of**2 for of in sd)],
            "low_l": [edges[0] / 2, edges[0] / 2, *edges],
            "high_l": [edges[0] / 2, *edges, 2 * edges[-1]],
        }.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    def __len__(self) -> int:
        return len(self.mean_l)

    def of(self, flux_bhw: Tensor) -> Tensor:
        """Number of the level of each flux; one that is an edge belongs to the level below."""
        return torch.where(flux_bhw > 0, torch.bucketize(flux_bhw, self.edge_e) + 1, 0)

    def interval(self, probability_blhw: Tensor) -> tuple[Tensor, Tensor]:
        """Median flux and half the length of the central 68 % interval.

        Within a level the logarithm of the flux is taken as even. A mean and its standard deviation would hang on the
        last, endless levels, however unlikely.
        """
        share_blhw = probability_blhw.cumsum(dim=1)
        low, middle, high = (self._quantile(probability_blhw, share_blhw, level) for level in _LEVELS)
        return middle, (high - low) / 2

    def _quantile(self, probability_blhw: Tensor, share_blhw: Tensor, level: float) -> Tensor:
        number_b1hw = (share_blhw < level).sum(dim=1, keepdim=True).clamp_max(len(self) - 1)
        inside_b1hw = probability_blhw.gather(1, number_b1hw)
        below_b1hw = share_blhw.gather(1, number_b1hw) - inside_b1hw
        part_bhw = ((level - below_b1hw) / inside_b1hw.clamp_min(1e-12)).clamp(0, 1)[:, 0]
        low_bhw, high_bhw = (of_l[number_b1hw[:, 0]] for of_l in (self.low_l, self.high_l))
        return low_bhw * (high_bhw / low_bhw) ** part_bhw

    def flux(self, probability_blhw: Tensor) -> tuple[Tensor, Tensor]:
        """Mean flux and its standard deviation, of pixels whose levels have probabilities that sum to 1."""
        mean_bhw = torch.einsum("blhw,l->bhw", probability_blhw, self.mean_l)
        square_bhw = torch.einsum("blhw,l->bhw", probability_blhw, self.variance_l + self.mean_l.square())
        return mean_bhw, (square_bhw - mean_bhw.square()).clamp_min(0).sqrt()


def brightest(flux_bhw: Tensor, share: float) -> Tensor:
    """Which pixels are the brightest of their image, those of a share of all: 1, else 0; those without flux never."""
    pixel_bn = flux_bhw.flatten(1)
    count = max(1, round(share * pixel_bn.shape[1]))
    least_b1 = pixel_bn.topk(count, dim=1).values[:, -1:]
    return ((pixel_bn >= least_b1) & (pixel_bn > 0)).to(flux_bhw.dtype).view_as(flux_bhw)
