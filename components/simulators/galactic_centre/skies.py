"""Skies around the Galactic Centre: what is expected in each pixel, and the point sources behind it.

    skies = draw_skies(settings, drawing_seeds(settings, "train", range(64)))

Counts are Poisson numbers of what is expected, drawn where images are presented. Shape suffixes: b skies, h rows,
w columns, k components, n sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from components.fields import Seeds, random_numbers, rounded, uneven_normals
from components.simulators.galactic_centre.blurring import psf_matrix
from components.simulators.galactic_centre.point_sources import (
    CentreLaw,
    DiskLaw,
    Sources,
    draw_sources,
    rotated_sources,
)
from components.simulators.galactic_centre.prior import (
    AMPLITUDES,
    COUNTS,
    PARAMETERS,
    Array,
    GalacticCentreSettings,
    prior_skies,
)
from components.simulators.galactic_centre.templates import clouds, rotated_templates, steady_templates

__label__ = "galactic_centre_skies"

_OF_SKY, _OF_CLOUDS, _OF_CENTRE, _OF_DISK = 0, 1, 2, 5
"""Streams of random numbers; those of sources are three each."""
_OF_ANGLE = 8
_ANGLE_DECIMALS = 4
"""Of radians: a hundredth of a pixel at the edge."""
_DECIMALS = 3
"""Of what is expected, in counts: ten thousand times as fine as its Poisson noise."""
_BLOCK = 32
"""Skies drawn at once: what is drawn of them stays in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Skies:
    """Some skies, float64."""

    table: pd.DataFrame
    """`PARAMETERS`, one row a sky, and the `angle` by which it is turned, radians, where skies are."""
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
    size, count = settings.size, len(seed_b)
    table = prior_skies(settings, random_numbers(seed_b, len(PARAMETERS), stream=_OF_SKY))
    if settings.rotated:
        turned = random_numbers(seed_b, 1, stream=_OF_ANGLE)[:, 0]
        table["angle"] = rounded(2 * np.pi * turned, _ANGLE_DECIMALS)
    centre, disk = _draw_sources(settings, seed_b, table)
    noise = uneven_normals(seed_b, np.full(count, size**2), stream=_OF_CLOUDS)
    centre_bhw, disk_bhw, expected_bhw, cloud_bhw = into_bhw
    cloud_bhw[:] = clouds(settings, noise.reshape(count, size, size))
    sky_bhw = _diffuse(settings, table, cloud_bhw)
    for sources, map_bhw in ((centre, centre_bhw), (disk, disk_bhw)):
        map_bhw[:] = sources.flux_map(count, settings)
        sky_bhw += map_bhw
    expected_bhw[:] = through_psf(settings, sky_bhw)
    return table, centre, disk


def _draw_sources(settings: GalacticCentreSettings, seed_b: Seeds, table: pd.DataFrame) -> tuple[Sources, Sources]:
    laws, flux = _laws(settings), settings.source_flux
    centre_b, disk_b = (table[name].to_numpy().astype(np.int64) for name in COUNTS)
    centre = draw_sources(laws.centre, seed_b, centre_b, flux, stream=_OF_CENTRE)  # which knows no direction
    if not settings.rotated:
        return centre, draw_sources(laws.disk, seed_b, disk_b, flux, stream=_OF_DISK)
    # As many more as lie in a square in which the field can be turned.
    more_b = np.rint(disk_b * (laws.wide_disk.mass / laws.disk.mass)).astype(np.int64)
    disk = draw_sources(laws.wide_disk, seed_b, more_b, flux, stream=_OF_DISK)
    return centre, rotated_sources(disk, table["angle"].to_numpy(), settings)


def _diffuse(settings: GalacticCentreSettings, table: pd.DataFrame, cloud_bhw: Array) -> Array:
    """The diffuse components' counts, before the PSF."""
    amplitude_bk = table[list(AMPLITUDES)].to_numpy()
    gas, count = AMPLITUDES.index("A_pi0"), len(table)
    dense_bhw = amplitude_bk[:, gas, None, None] * np.exp(cloud_bhw / settings.gas.softness)
    others = [k for k in range(len(AMPLITUDES)) if k != gas]
    if settings.rotated:
        template_bkhw = rotated_templates(settings, table["angle"].to_numpy())
        steady_bhw: Array = np.einsum("bk,bkhw->bhw", amplitude_bk[:, others], template_bkhw[:, others])
        steady_bhw += dense_bhw * template_bkhw[:, gas]
        return steady_bhw
    steady_khw = _steady(settings)
    flat_bn = amplitude_bk[:, others] @ steady_khw[others].reshape(len(others), -1)
    steady_bhw = flat_bn.reshape(count, settings.size, settings.size)
    steady_bhw += dense_bhw * steady_khw[gas]
    return steady_bhw


def _joined(parts: Sequence[Sources]) -> Sources:
    return Sources(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class _Laws(NamedTuple):
    centre: CentreLaw
    disk: DiskLaw
    wide_disk: DiskLaw
    """In a square that holds the field however it is turned."""


@lru_cache(maxsize=4)
def _laws(settings: GalacticCentreSettings) -> _Laws:
    wide = replace(settings, half_width=settings.half_width * 2**0.5)
    return _Laws(CentreLaw(settings), DiskLaw(settings), DiskLaw(wide))


@lru_cache(maxsize=4)
def _steady(settings: GalacticCentreSettings) -> Array:
    return steady_templates(settings)
