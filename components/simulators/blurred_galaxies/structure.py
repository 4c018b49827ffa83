"""What galaxies have beside a smooth profile: bulges, knots and neighbours, as real ones do.

    chance_bk = random_numbers(seed_b, PER_STRUCTURE, stream=…)
    fine_bhw = structured(disk_bhw, table, chance_bk, settings)

Knots and neighbours lie on whole pixels of the fine grid. Shape suffixes: b galaxies, h height, w width, k random
numbers.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch

from components.simulators.blurred_galaxies.settings import FINER, BlurredGalaxySettings
from components.simulators.threads import one_thread
from models.galaxies import render_rows

__label__ = "galaxy_structure"

DISK_INDEX = (0.5, 1.5)
"""Sérsic indices of disks that have bulges and knots."""
_BULGE, _BULGE_INDEX, _BULGE_RADIUS = (0.0, 0.5), (2.0, 5.0), (0.1, 0.4)
"""Share of the light, index, and half-light radius over the disk's."""
_ROUNDER = 0.5
"""Shear of a bulge over the disk's."""
_KNOTS, _IN_KNOTS = 8, (0.0, 0.3)
"""Knots of a galaxy at most, and share of the light in all of them."""
_SPREAD = 0.6
"""Mean distance of knots from the middle, in half-light radii."""
_POINT = 0.02
"""Half-light radius of a knot, arcseconds."""
_ACCOMPANIED = 0.3
"""Of such galaxies have a neighbour."""
_NEIGHBOUR, _AWAY = (0.05, 0.7), (5.0, 22.0)
"""Flux of a neighbour over the galaxy's, uniform in the logarithm, and pixels between the two."""
_SINGLE = 13
PER_STRUCTURE = _SINGLE + 2 * _KNOTS
"""Random numbers of one galaxy."""

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def structured(disk_bhw: Numbers, table: pd.DataFrame, chance_bk: Numbers, settings: BlurredGalaxySettings) -> Numbers:
    """Galaxies on the fine grid, of as much light as the disks alone, and what their neighbours add.

    Args:
        disk_bhw: of the disks.
        table: of the disks, `n`, `half_light_radius`, `g1`, `g2` and `flux`.
        chance_bk: between 0 and 1, shape (b, `PER_STRUCTURE`).
        settings: camera and prior.
    """
    of_bulges, of_knots, of_neighbours = np.split(chance_bk[:, :_SINGLE], (3, 5), axis=1)
    bulge, bulge_index, bulge_size = of_bulges.T
    knotted, number = of_knots.T
    accompanied, bright, far, turn, index, radius, length, angle = of_neighbours.T
    in_bulge, in_knots = _between(_BULGE, bulge), _between(_IN_KNOTS, knotted)
    disk = table[["g1", "g2", "half_light_radius", "flux"]].to_numpy().T
    small, large = settings.half_light_radius
    bulges_bhw = _drawn(
        np.column_stack(
            [
                disk[3],
                _between(_BULGE_INDEX, bulge_index),
                disk[2] * _between(_BULGE_RADIUS, bulge_size),
                *(_ROUNDER * disk[:2]),
            ]
        ),
        settings,
    )
    neighbours_bhw = _drawn(
        np.column_stack(
            [
                disk[3] * (accompanied < _ACCOMPANIED) * np.exp(_between(np.log(_NEIGHBOUR), bright)),
                _between(settings.n, index),
                small * (large / small) ** (radius / 2),
                *_shear(settings, length, angle),
            ]
        ),
        settings,
    )
    (point_hw,) = _drawn(np.array([[1.0, 1.0, _POINT, 0.0, 0.0]]), settings)
    fine_bhw = np.empty_like(disk_bhw)
    for row in range(len(table)):
        kept = 1 - in_bulge[row] - in_knots[row]
        fine_hw = kept * disk_bhw[row] + in_bulge[row] * bulges_bhw[row]
        places = _knots(chance_bk[row, _SINGLE:], 1 + int(_KNOTS * number[row]), disk[:3, row], settings)
        for down, right in places:
            fine_hw += disk[3, row] * in_knots[row] / len(places) * _moved(point_hw, down, right)
        away, toward = FINER * _between(_AWAY, far[row]), 2 * np.pi * turn[row]
        fine_hw += _moved(neighbours_bhw[row], round(away * np.sin(toward)), round(away * np.cos(toward)))
        fine_bhw[row] = fine_hw
    return fine_bhw


def _knots(chances: Numbers, count: int, disk: Numbers, settings: BlurredGalaxySettings) -> list[tuple[int, int]]:
    """Where knots are, in fine pixels from the middle: exponentially fewer outwards, in the plane of the disk."""
    g1, g2, radius = disk
    away = -np.log1p(-chances[:count]) * _SPREAD * radius / settings.camera.pixel_scale
    angle = 2 * np.pi * chances[_KNOTS : _KNOTS + count]
    right, down = away * np.cos(angle), away * np.sin(angle)
    stretch = 1 / np.sqrt(1 - g1**2 - g2**2)
    across, along = stretch * ((1 + g1) * right + g2 * down), stretch * (g2 * right + (1 - g1) * down)
    return list(zip(np.rint(along).astype(int).tolist(), np.rint(across).astype(int).tolist(), strict=True))


def _drawn(galaxy_bp: Numbers, settings: BlurredGalaxySettings) -> Numbers:
    with one_thread():
        rows = torch.from_numpy(np.ascontiguousarray(galaxy_bp))
        drawn: Numbers = render_rows(rows, torch.full_like(rows[:, 0], settings.sharp_fwhm), settings.camera).numpy()
    return drawn


def _moved(image_hw: Numbers, down: int, right: int) -> Numbers:
    """By whole pixels; what leaves is lost."""
    height, width = image_hw.shape
    moved_hw = np.zeros_like(image_hw)
    if abs(down) < height and abs(right) < width:
        moved_hw[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image_hw[
            max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
        ]
    return moved_hw


def _shear(settings: BlurredGalaxySettings, length: Numbers, turn: Numbers) -> tuple[Numbers, Numbers]:
    shear, angle = _between(settings.ellipticity, length), 2 * np.pi * turn
    return shear * np.cos(angle), shear * np.sin(angle)


def _between(ends: Any, uniform: Any) -> Any:
    low, high = ends
    return low + (high - low) * uniform
