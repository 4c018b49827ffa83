"""Means over the exact posterior of skies, by chains that begin at the truth.

    at_truth, means = posterior_means(settings, count_bhw, skies, ask, draws=12, seed=7)

`ask` says of chains, as they stand, what means are wanted of. The first sweeps are left out, which remember the truth.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from components.simulators.galactic_centre import FORGET, Array, Chains, GalacticCentreSettings, Skies, start_of

__label__ = "sky_posterior_means"

_APART = 2
"""Sweeps between two that count."""
_TOGETHER = 16
"""Skies that are sampled at once, a megabyte or two each."""

_Maps = dict[str, np.ndarray[Any, Any]]


def posterior_means(
    settings: GalacticCentreSettings,
    count_bhw: Array,
    skies: Skies,
    ask: Callable[[Chains], Mapping[str, Tensor]],
    *,
    draws: int,
    seed: int,
) -> tuple[_Maps, _Maps]:
    """What is said at the truth, and the mean of what is said over the posterior, by name, rows first.

    Args:
        settings: prior and camera.
        count_bhw: what was seen.
        skies: the truth.
        ask: what to say.
        draws: sweeps that count.
        seed: of the sampling.
    """
    start, said = start_of(skies), list[tuple[_Maps, _Maps]]()
    for first in tqdm(range(0, len(count_bhw), _TOGETHER), desc="posterior", unit=f"{_TOGETHER} img", disable=None):
        here = slice(first, first + _TOGETHER)
        part = replace(start, **{of.name: getattr(start, of.name)[here] for of in fields(start)})
        said.append(_of_some(Chains(settings, count_bhw[here], part, seed=seed + first), ask, draws))
    at_truth, means = (
        {name: np.concatenate([part[side][name] for part in said]) for name in said[0][side]} for side in (0, 1)
    )
    return at_truth, means


def _of_some(chains: Chains, ask: Callable[[Chains], Mapping[str, Tensor]], draws: int) -> tuple[_Maps, _Maps]:
    said = ask(chains)
    at_truth = {name: of.cpu().numpy().copy() for name, of in said.items()}
    total = {name: torch.zeros_like(of, dtype=torch.float64) for name, of in said.items()}
    for sweep in range(FORGET + draws * _APART):
        chains.sweep()
        if sweep >= FORGET and sweep % _APART == 0:
            total = {name: total[name] + of for name, of in ask(chains).items()}
    return at_truth, {name: (of / draws).float().cpu().numpy() for name, of in total.items()}
