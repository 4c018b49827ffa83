"""What is known of each pixel of a sky by whoever knows simulator and prior exactly: the limit of every network.

    exact = sky_posteriors(count_bhw, rows, settings, cache=folder)
    exact["limit.mask"], exact["informed.mask"]                    # probabilities, shape (b, h, w) each

`limit` is the posterior, from chains that begin at the truth: means of each pixel's chances over a chain, the first
sweeps left out, which remember the truth. `informed` is a detector that is told the background and all other sources,
and so above every other one.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from scipy import stats
from torch import Tensor
from tqdm.auto import tqdm

from components.core import code_of, settings_values, value_digest
from components.fields import drawing_seeds
from components.simulators.galactic_centre import Array, Chains, GalacticCentreSettings, draw_skies, start_of

if TYPE_CHECKING:
    from components.problems.point_sources.settings import PointSourcesSettings

__label__ = "point_sources_posterior"

LIMIT, INFORMED = "limit", "informed"
_FORGET = 40
"""Sweeps after which a chain does not know the truth: three times as many as decorrelate (`benchmarks/sky_limits`)."""
_APART = 2
"""Sweeps between two that count."""
_TOGETHER = 16
"""Skies that are sampled at once, a megabyte or two each."""


def sky_posteriors(
    count_bhw: Array, rows: Sequence[int], settings: "PointSourcesSettings", *, cache: Path
) -> dict[str, Array]:
    """Probabilities of each mask of `truths.MASKS`, computed or read from the cache.

    Args:
        count_bhw: what was seen.
        rows: of the test split, by which the skies were drawn.
        settings: all of the problem's.
        cache: folder where results are kept.
    """
    inputs = {
        **code_of(sky_posteriors).as_inputs(),
        "images": hashlib.sha256(np.ascontiguousarray(count_bhw).tobytes()).hexdigest(),
        "rows": list(rows),
        "simulation": settings_values(settings.simulate),
        "draws": settings.evaluate.reference_draws,
        "seed": settings.evaluate.seed,
        "bright": [settings.train.bright_flux, settings.train.brightest_share],
    }
    path = cache / f"pixels-{value_digest(inputs)[:16]}.safetensors"
    if path.exists():
        return load_file(path)
    parts = []
    for first in tqdm(range(0, len(rows), _TOGETHER), desc="reference", unit=f"{_TOGETHER} img", disable=None):
        here = slice(first, first + _TOGETHER)
        parts.append(_sample(count_bhw[here], rows[here], settings, seed=settings.evaluate.seed + first))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(found, partial)
    partial.replace(path)
    return found


def _sample(
    count_bhw: Array, rows: Sequence[int], settings: "PointSourcesSettings", *, seed: int
) -> dict[str, np.ndarray]:
    skies = draw_skies(settings.simulate, drawing_seeds(settings.simulate, "test", range(rows[0], rows[-1] + 1)))
    chains = Chains(settings.simulate, count_bhw.astype(np.float64), start_of(skies), seed=seed)
    ask = _Asking(chains, settings)
    informed, total, counted = ask(), ask(), 0
    total = {name: torch.zeros_like(of) for name, of in total.items()}
    for sweep in range(_FORGET + settings.evaluate.reference_draws * _APART):
        chains.sweep()
        if sweep >= _FORGET and sweep % _APART == 0:
            total = {name: of + total[name] for name, of in ask().items()}
            counted += 1
    means = {name: of / counted for name, of in total.items()}
    return {
        f"{who}.{name}": of.cpu().numpy()
        for who, maps in ((LIMIT, means), (INFORMED, informed))
        for name, of in maps.items()
    }


class _Asking:
    """Chances of each mask in each pixel, as chains stand.

    Args:
        chains: of some skies.
        settings: all of the problem's.
    """

    def __init__(self, chains: Chains, settings: "PointSourcesSettings") -> None:
        self._chains = chains
        self._bright_f = torch.from_numpy(_share_above(chains, settings.simulate, settings.train.bright_flux)).float()
        pixels = chains.flux_bhw[0].numel()
        self._most = max(1, round(settings.train.brightest_share * pixels))

    def __call__(self) -> dict[str, Tensor]:
        chance_bnf, shape = self._chains.flux_chances(), self._chains.flux_bhw.shape
        return {
            "mask": (1 - chance_bnf[:, :, 0]).view(shape),
            "bright": (chance_bnf @ self._bright_f.to(chance_bnf.device)).view(shape),
            "brightest": self._brightest(chance_bnf).view(shape),
        }

    def _brightest(self, chance_bnf: Tensor) -> Tensor:
        """Chance of a flux above that of the last of the brightest, as fluxes stand.

        Of the grid's flux in which that is, pixels count by how many of it are still among the brightest.
        """
        flux_f = torch.from_numpy(self._chains.grid.flux_f).float().to(chance_bnf.device)
        level_bn = torch.bucketize(self._chains.flux_bhw.flatten(1), flux_f)
        last_b1 = level_bn.topk(self._most, dim=1).values[:, -1:].clamp_min(1)
        above_b1 = (level_bn > last_b1).sum(dim=1, keepdim=True)
        there_b1 = (level_bn == last_b1).sum(dim=1, keepdim=True).clamp_min(1)
        share_b1 = ((self._most - above_b1) / there_b1).clamp(0, 1)
        number_f = torch.arange(len(flux_f), device=chance_bnf.device)
        weight_bf = (number_f > last_b1).float() + share_b1 * (number_f == last_b1)
        return torch.einsum("bnf,bf->bn", chance_bnf, weight_bf)


def _share_above(chains: Chains, settings: GalacticCentreSettings, flux: float) -> Array:
    """Of each flux of the grid, the share of its bin that lies above a flux, by the law of one source."""
    law = stats.lognorm(settings.source_flux.sd, scale=np.exp(settings.source_flux.mean))
    low_f, high_f = (law.cdf(of) for of in (chains.grid.edge_f[:-1], chains.grid.edge_f[1:]))
    share_f = np.clip((high_f - law.cdf(flux)) / np.maximum(high_f - low_f, 1e-300), 0, 1)
    return np.append(0.0, share_f)
