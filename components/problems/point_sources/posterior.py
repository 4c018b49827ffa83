"""What is known of each pixel of a sky by whoever knows simulator and prior exactly: the limit of every network.

    exact = sky_posteriors(count_bhw, settings, cache=folder)
    exact["limit.mask"], exact["informed.mask"]                    # probabilities, shape (b, h, w) each

`limit` is the posterior: means of each pixel's chances over a chain. `informed` is a detector that is told the
background and all other sources, and so above every other one. Shape suffixes: b skies, h rows, w columns, n pixels,
f fluxes of the grid.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from components.core import code_of, settings_values
from components.evidence import array_digest, read_or_make
from components.fields import drawing_seeds
from components.problems.skies import posterior_means
from components.simulators.galactic_centre import Array, Chains, FluxGrid, GalacticCentreSettings, draw_skies

if TYPE_CHECKING:
    from components.problems.point_sources.settings import PointSourcesSettings

__label__ = "point_sources_posterior"

LIMIT, INFORMED = "limit", "informed"


def sky_posteriors(count_bhw: Array, settings: "PointSourcesSettings", *, cache: Path) -> dict[str, Array]:
    """Probabilities of each mask of `truths.MASKS`, computed or read from the cache.

    Args:
        count_bhw: what was seen of the first skies of the test split.
        settings: all of the problem's.
        cache: folder where results are kept.
    """
    simulation, evaluate = settings.simulate, settings.evaluate
    inputs = {
        **code_of(sky_posteriors).as_inputs(),
        "images": array_digest(count_bhw),
        "simulation": settings_values(simulation),
        "draws": evaluate.reference_draws,
        "seed": evaluate.seed,
        "bright": [settings.train.bright_flux, settings.train.brightest_share],
    }

    def make() -> dict[str, Array]:
        skies = draw_skies(simulation, drawing_seeds(simulation, "test", range(len(count_bhw))))
        ask = PixelChances(settings)
        informed, limit = posterior_means(
            simulation, count_bhw, skies, ask, draws=evaluate.reference_draws, seed=evaluate.seed
        )
        said = ((LIMIT, limit), (INFORMED, informed))
        return {f"{who}.{name}": of for who, maps in said for name, of in maps.items()}

    return read_or_make("pixels", inputs, cache, make)


class PixelChances:
    """Chances of each mask in each pixel, as chains stand.

    Args:
        settings: all of the problem's.
    """

    def __init__(self, settings: "PointSourcesSettings") -> None:
        grid = FluxGrid.of(settings.simulate)
        self._flux_f = torch.from_numpy(grid.flux_f).float()
        self._bright_f = torch.from_numpy(_share_above(grid, settings.simulate, settings.train.bright_flux)).float()
        self._most = max(1, round(settings.train.brightest_share * settings.simulate.size**2))

    def __call__(self, chains: Chains) -> dict[str, Tensor]:
        """By name of the mask, shape (b, h, w) each."""
        chance_bnf, shape = chains.flux_chances(), chains.flux_bhw.shape
        return {
            "mask": (1 - chance_bnf[:, :, 0]).view(shape),
            "bright": (chance_bnf @ self._bright_f.to(chance_bnf.device)).view(shape),
            "brightest": self._brightest(chains, chance_bnf).view(shape),
        }

    def _brightest(self, chains: Chains, chance_bnf: Tensor) -> Tensor:
        """Chance of a flux above that of the last of the brightest, as fluxes stand.

        Of the grid's flux in which that is, pixels count by how many of it are still among the brightest.
        """
        flux_f = self._flux_f.to(chance_bnf.device)
        level_bn = torch.bucketize(chains.flux_bhw.flatten(1), flux_f)
        last_b1 = level_bn.topk(self._most, dim=1).values[:, -1:].clamp_min(1)
        above_b1 = (level_bn > last_b1).sum(dim=1, keepdim=True)
        there_b1 = (level_bn == last_b1).sum(dim=1, keepdim=True).clamp_min(1)
        share_b1 = ((self._most - above_b1) / there_b1).clamp(0, 1)
        number_f = torch.arange(len(flux_f), device=chance_bnf.device)
        weight_bf = (number_f > last_b1).float() + share_b1 * (number_f == last_b1)
        return torch.einsum("bnf,bf->bn", chance_bnf, weight_bf)


def _share_above(grid: FluxGrid, settings: GalacticCentreSettings, flux: float) -> Array:
    """Of each flux of the grid, the share of its bin that lies above a flux, by the law of one source."""
    law = stats.lognorm(settings.source_flux.sd, scale=np.exp(settings.source_flux.mean))
    low_f, high_f = (law.cdf(of) for of in (grid.edge_f[:-1], grid.edge_f[1:]))
    share_f = np.clip((high_f - law.cdf(flux)) / np.maximum(high_f - low_f, 1e-300), 0, 1)
    return np.append(0.0, share_f)
