"""Skies around the Galactic Centre: what is expected in each pixel, and the point sources behind it.

    skies = draw_skies(settings, drawing_seeds(settings, "train", range(64)))

Counts are Poisson numbers of what is expected, drawn where images are presented. Shape suffixes: b skies, h rows,
w columns, k components, n sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from components.fields import Seeds, random_numbers, rounded, uneven_normals
from components.simulators.galactic_centre.blurring import psf_matrix
from components.simulators.galactic_centre.point_sources import CentreLaw, DiskLaw, Sources, draw_sources
from components.simulators.galactic_centre.prior import (
    AMPLITUDES,
    COUNTS,
    PARAMETERS,
    Array,
    GalacticCentreSettings,
    prior_skies,
)
from components.simulators.galactic_centre.templates import clouds, steady_templates

__label__ = "galactic_centre_skies"

_OF_SKY, _OF_CLOUDS, _OF_CENTRE, _OF_DISK = 0, 1, 2, 5
"""Streams of random numbers; those of sources are three each."""
_DECIMALS = 3
"""Of what is expected, in counts: ten thousand times as fine as its Poisson noise."""
_BLOCK = 32
"""Skies drawn at once: what is drawn of them stays in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Skies:
    """Some skies, float64."""

    table: pd.DataFrame
    """`PARAMETERS`, one row a sky."""
    centre_bhw: Array
    """Counts of the sources around the centre in each pixel, before the PSF."""
    disk_bhw: Array
    """Counts of the disk's sources."""
    expected_bhw: Array
    """Counts that are expected in each pixel."""
    cloud_bhw: Array
    """By what the gas is denser: ln of it, times its softness."""
    centre: Sources
    disk: Sources


def draw_skies(settings: GalacticCentreSettings, seed_b: Seeds) -> Skies:
    """One sky for each seed.

    Args:
        settings: prior and camera.
        seed_b: shape (b,).
    """
    count, size, parts = len(seed_b), settings.size, []
    centre_bhw, disk_bhw, expected_bhw, cloud_bhw = (np.empty((count, size, size)) for _ in range(4))
    for first in range(0, count, _BLOCK):
        block = slice(first, first + _BLOCK)
        maps = (centre_bhw[block], disk_bhw[block], expected_bhw[block], cloud_bhw[block])
        table, *kinds = _draw(settings, seed_b[block], maps)
        parts.append((table, *(of._replace(sky_n=of.sky_n + first) for of in kinds)))
    tables, centre, disk = zip(*parts, strict=True)
    return Skies(
        table=pd.concat(tables, ignore_index=True),
        centre_bhw=centre_bhw,
        disk_bhw=disk_bhw,
        expected_bhw=expected_bhw,
        cloud_bhw=cloud_bhw,
        centre=_joined(centre),
        disk=_joined(disk),
    )


def through_psf(settings: GalacticCentreSettings, map_bhw: Array) -> Array:
    """Maps as the telescope blurs them, rounded."""
    matrix = psf_matrix(settings)
    return rounded(matrix @ map_bhw @ matrix.T, _DECIMALS)


def _draw(
    settings: GalacticCentreSettings, seed_b: Seeds, into_bhw: tuple[Array, Array, Array, Array]
) -> tuple[pd.DataFrame, Sources, Sources]:
    """Some skies, their maps written into arrays: both kinds of sources, and what is expected."""
    size, count, flux = settings.size, len(seed_b), settings.source_flux
    steady_khw, centre_law, disk_law = _tables(settings)
    table = prior_skies(settings, random_numbers(seed_b, len(PARAMETERS), stream=_OF_SKY))
    centre_b, disk_b = (table[name].to_numpy().astype(np.int64) for name in COUNTS)
    centre = draw_sources(centre_law, seed_b, centre_b, flux, stream=_OF_CENTRE)
    disk = draw_sources(disk_law, seed_b, disk_b, flux, stream=_OF_DISK)
    noise = uneven_normals(seed_b, np.full(count, size**2), stream=_OF_CLOUDS)
    gas = AMPLITUDES.index("A_pi0")
    amplitude_bk = table[list(AMPLITUDES)].to_numpy()
    others = [k for k in range(len(AMPLITUDES)) if k != gas]
    sky_bhw = (amplitude_bk[:, others] @ steady_khw[others].reshape(len(others), -1)).reshape(count, size, size)
    centre_bhw, disk_bhw, expected_bhw, cloud_bhw = into_bhw
    cloud_bhw[:] = clouds(settings, noise.reshape(count, size, size))
    sky_bhw += amplitude_bk[:, gas, None, None] * steady_khw[gas] * np.exp(cloud_bhw / settings.gas.softness)
    for sources, map_bhw in ((centre, centre_bhw), (disk, disk_bhw)):
        map_bhw[:] = sources.flux_map(count, settings)
        sky_bhw += map_bhw
    expected_bhw[:] = through_psf(settings, sky_bhw)
    return table, centre, disk


def _joined(parts: Sequence[Sources]) -> Sources:
    return Sources(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@lru_cache(maxsize=4)
def _tables(settings: GalacticCentreSettings) -> tuple[Array, CentreLaw, DiskLaw]:
    return steady_templates(settings), CentreLaw(settings), DiskLaw(settings)
