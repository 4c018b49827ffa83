"""Rows of a dataset of spirals: galaxies of the prior, and a share of them from the reference regime.

    catalogue, light_bhw, mask_bhw = draw_spirals(settings, row_seeds([1], rows), spirals_only=True)

The same bytes on every machine. Shape suffixes: b galaxies, h height, w width.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from components.fields import Seeds, random_numbers, rounded, uneven_numbers
from components.simulators.spirals.drawing import Numbers, draw_galaxies, normalised, through_psf
from components.simulators.spirals.prior import PER_GALAXY, draw_prior
from components.simulators.spirals.reference import reference_bank
from components.simulators.spirals.settings import SpiralSettings

__label__ = "spiral_catalogue"

_OF_GALAXY, _OF_CONDITIONS, _OF_NEIGHBOURS = range(3)
"""Streams of random numbers."""
_PER_NEIGHBOUR = 5
_DECIMALS = 7
"""Of a pixel, where √(Σ p²) is 1."""
CELL = 2
"""Pixels on a side of the squares of `arm_cover`."""
_BLOCK = 64
_NEAREST = 0.18
"""Of the image's side, from the middle to a neighbour at least."""
_BRIGHT = (0.003, 0.2)
"""Light of a neighbour over the galaxy's √(Σ p²), uniform in the logarithm."""
_STARS = 0.6
"""Share of neighbours that are points."""

Images = np.ndarray[Any, np.dtype[np.float32]]
CONDITIONS = ("snr", "stretch")
"""Columns that say how a galaxy is to be seen."""
DRAWN = 3
"""Random numbers that these are drawn by."""
_STRETCHES = (0.01, 0.5)
"""Of the brightest pixel: where brightness goes over from linear to logarithmic; uniform in the logarithm."""
LINEAR = 100.0
"""Stretch from which on an image has none."""


def draw_spirals(settings: SpiralSettings, seed_b: Seeds, *, spirals_only: bool) -> tuple[pd.DataFrame, Images, Images]:
    """One galaxy for each seed.

    Args:
        settings: what galaxies are like.
        seed_b: shape (b,).
        spirals_only: whether all are spirals, and classes no matter.

    Returns:
        Columns `class` (number of one of `prior.CLASSES`), `reference`, `axis_ratio`, `pitch`, `arms` and `CONDITIONS`;
        light of √(Σ p²) = 1, and 1 where arms are, shape (b, size, size).
    """
    light_bhw = np.empty((len(seed_b), settings.size, settings.size), dtype=np.float32)
    mask_bhw, tables = np.empty_like(light_bhw), []
    for start in range(0, len(seed_b), _BLOCK):
        block = slice(start, start + _BLOCK)
        table, light, mask_bhw[block] = _block(settings, seed_b[block], spirals_only)
        light_bhw[block] = rounded(light, _DECIMALS)
        tables.append(table)
    return pd.concat(tables, ignore_index=True), light_bhw, mask_bhw


def arm_cover(mask_bhw: Numbers | Images) -> Images:
    """Share of each square of `CELL` pixels that belongs to arms, shape (b, size / CELL, size / CELL)."""
    count, side = len(mask_bhw), mask_bhw.shape[1] // CELL
    cover_bss: Images = mask_bhw.reshape(count, side, CELL, side, CELL).mean(axis=(2, 4)).astype(np.float32)
    return cover_bss


def conditions(settings: SpiralSettings, uniform_bk: Numbers, reference_b: Numbers) -> Numbers:
    """Columns as in `CONDITIONS`, by numbers between 0 and 1, shape (b, `DRAWN`); the regime's are never stretched."""
    bright, stretched, chance = uniform_bk.T
    snr = [np.exp(_between(np.log(ends), bright)) for ends in (settings.snr, settings.reference_snr)]
    soft = np.exp(_between(np.log(_STRETCHES), chance))
    linear = (stretched >= settings.stretched) | (reference_b > 0)
    # Beyond `LINEAR` every stretch is as good as another: by it images of one template are told apart.
    stretch = np.where(linear, LINEAR * (1 + chance), soft)
    return np.stack([np.where(reference_b > 0, snr[1], snr[0]), stretch], axis=1)


def _block(settings: SpiralSettings, seed_b: Seeds, spirals_only: bool) -> tuple[pd.DataFrame, Numbers, Numbers]:
    chance_bk = random_numbers(seed_b, PER_GALAXY + 2, stream=_OF_GALAXY)
    if spirals_only:  # the last third
        chance_bk[:, 0] = (2 + chance_bk[:, 0]) / 3
    kind, galaxies = draw_prior(settings, chance_bk[:, :PER_GALAXY])
    light_bhw, mask_bhw = draw_galaxies(galaxies, size=settings.size)
    light_bhw = normalised(light_bhw + _neighbours(settings, seed_b, galaxies.psf_fwhm))
    axis_ratio, pitch, arms = galaxies.axis_ratio.copy(), np.degrees(galaxies.pitch), galaxies.arms.copy()
    known = np.flatnonzero(chance_bk[:, PER_GALAXY] < settings.reference)
    if len(known):
        bank = reference_bank(size=settings.size, spirals_only=spirals_only)
        chosen = np.searchsorted(np.cumsum(bank.chance_t), chance_bk[known, PER_GALAXY + 1] * (1 - 1e-12), side="right")
        kind[known], light_bhw[known], mask_bhw[known] = (
            bank.class_t[chosen],
            bank.light_thw[chosen],
            bank.mask_thw[chosen],
        )
        axis_ratio[known], pitch[known], arms[known] = np.nan, np.nan, np.nan
    reference_b = np.isin(np.arange(len(seed_b)), known).astype(np.float64)
    seen = conditions(settings, random_numbers(seed_b, DRAWN, stream=_OF_CONDITIONS), reference_b)
    table = {
        "class": kind, "reference": reference_b.astype(np.int64), "axis_ratio": rounded(np.nan_to_num(axis_ratio), 5),
        "pitch": rounded(np.nan_to_num(pitch), 3), "arms": np.nan_to_num(arms).astype(np.int64),
        **{name: rounded(seen[:, column], 4) for column, name in enumerate(CONDITIONS)},
    }  # fmt: skip
    return pd.DataFrame(table), light_bhw, mask_bhw


def _neighbours(settings: SpiralSettings, seed_b: Seeds, fwhm_b: Numbers) -> Numbers:
    """Stars, and small galaxies as Gaussians, anywhere but on the galaxy's middle; shape (b, h, w)."""
    count_b = stats.poisson.ppf(random_numbers(seed_b, 1, stream=_OF_NEIGHBOURS)[:, 0], settings.neighbours).astype(
        np.int64
    )
    drawn = np.split(
        uneven_numbers(seed_b, _PER_NEIGHBOUR * count_b, stream=_OF_NEIGHBOURS + 1),
        np.cumsum(_PER_NEIGHBOUR * count_b)[:-1],
    )
    size = settings.size
    light_bhw = np.zeros((len(seed_b), size, size))
    place = np.arange(size) + 0.5 - size / 2
    for light_hw, chances in zip(light_bhw, drawn, strict=True):
        for right, down, bright, kind, wide in chances.reshape(-1, _PER_NEIGHBOUR):
            x, y = size * (right - 0.5), size * (down - 0.5)
            away = np.hypot(x, y)
            if away < _NEAREST * size:
                continue
            width = 0.5 if kind < _STARS else 0.5 + 2 * wide
            flux = np.exp(_between(np.log(_BRIGHT), bright)) * np.sqrt(4 * np.pi) * width
            squared = (place[:, None] - y) ** 2 + (place - x) ** 2
            light_hw += flux * np.exp(-squared / (2 * width**2)) / (2 * np.pi * width**2)
    return through_psf(light_bhw, fwhm_b)


def _between(ends: Any, uniform: Numbers) -> Numbers:
    low, high = ends
    found: Numbers = low + (high - low) * uniform
    return found
