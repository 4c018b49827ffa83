"""Which galaxies there are: the numbers that random numbers between 0 and 1 stand for.

    classes_b, galaxies = draw_prior(settings, random_numbers(seed_b, PER_GALAXY, stream=0))

Ranges are about those of surveys. Arms: two in 62 % of spirals, three in 19 %, four in 12 %, one in 7 %, as in Galaxy
Zoo 2, where two are most common by far (Hart et al. 2016, MNRAS 461, 3663); pitch 8 to 35 degrees (Kennicutt 1981, AJ
86, 1847); bars in 29 % of disks (Masters et al. 2011, MNRAS 411, 2026); light of bulges 0 to 0.4 of that of spirals,
0.2 to 0.6 of that of lenticulars, as it falls along the Hubble sequence in EFIGI (de Lapparent, Baillard & Bertin 2011,
A&A 532, A75); ellipticals of index 2.5 to 6 (Caon, Capaccioli & D'Onofrio 1993, MNRAS 265, 1013), axis ratios over 0.5.
"""

from typing import Any

import numpy as np

from components.simulators.spirals.drawing import Galaxies, Numbers
from components.simulators.spirals.settings import SpiralSettings

__label__ = "spiral_prior"

CLASSES = ("elliptical", "lenticular", "S", "Z")
"""What a galaxy is; S and Z are spirals, named by how their arms turn. A third are ellipticals, a third lenticulars."""
ELLIPTICAL, LENTICULAR, S, Z = range(4)
PER_GALAXY = 25
"""Random numbers that one is drawn by."""
_ARMS, _OFTEN = np.array([2.0, 3.0, 4.0, 1.0]), np.array([0.62, 0.81, 0.93, 1.0])
"""Numbers of arms, and the share of spirals that have that one or one before it."""
_OFF = 1.5
"""Pixels from the middle of the image in either direction, at most."""


def draw_prior(settings: SpiralSettings, chance_bk: Numbers) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Galaxies]:
    """The number of each galaxy's class, and all else of it.

    Args:
        settings: ranges.
        chance_bk: between 0 and 1, shape (b, `PER_GALAXY`).
    """
    column = iter(chance_bk.T)

    def between(low: Any, high: Any) -> Numbers:
        drawn: Numbers = low + (high - low) * next(column)
        return drawn

    def scaled(ends: Any) -> Numbers:
        return np.exp(between(*np.log(ends)))

    kind = np.digitize(next(column), [1 / 3, 2 / 3, 5 / 6])
    smooth, spiral = kind == ELLIPTICAL, kind >= S
    scale = settings.size * scaled(settings.disk_scale)
    ratio, round_ratio = between(*settings.axis_ratio), between(0.5, 1)
    low, high = settings.bulge
    bulge = between(low, high) + np.where(kind == LENTICULAR, (high - low) / 2, 0.0)
    arms = _ARMS[np.searchsorted(_OFTEN, np.minimum(next(column), 1 - 1e-12), side="right")] * spiral
    barred = (next(column) < settings.barred) & ~smooth
    ringed = (next(column) < settings.ringed) & (kind == LENTICULAR)
    bar_length = between(0.6, 1.4)
    inner = np.where(barred, bar_length, between(0.3, 1.0))
    return kind, Galaxies(
        x=between(-_OFF, _OFF), y=between(-_OFF, _OFF), angle=between(0, np.pi),
        axis_ratio=np.where(smooth, round_ratio, ratio), disk_scale=scale,
        disk=np.where(smooth, 0.0, 1 - bulge),
        bulge_radius=scale * np.where(smooth, between(0.6, 1.6), between(0.15, 0.5)),
        bulge_index=np.where(smooth, between(2.5, 6), between(1, 4)),
        bulge_ratio=np.where(smooth, round_ratio, np.sqrt(ratio)),
        arms=arms, winding=np.where(kind == S, 1.0, -1.0), pitch=np.radians(between(*settings.pitch)),
        contrast=scaled(settings.contrast), sharpness=scaled(settings.sharpness), phase=between(0, 2 * np.pi),
        inner=inner, outer=inner + between(1.2, 3.0), lopsided=between(0, 0.5),
        bar=np.where(barred, 0.15, 0.0), bar_length=bar_length,
        ring=np.where(ringed, 0.8, 0.0), ring_radius=between(1.0, 2.0), psf_fwhm=between(*settings.psf_fwhm),
    )  # fmt: skip
