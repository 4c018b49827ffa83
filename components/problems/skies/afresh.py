"""Skies drawn anew of the sources and clouds that a dataset holds, at each presentation of a training.

    shown = show_afresh(stored, seed_b, settings)
    shown.expected_bhw, shown.sources_bhw, shown.amplitude_bk

Shape suffixes: b batch, h height, w width, k diffuse components.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from components.fields import Seeds, uniform
from components.simulators.galactic_centre import AMPLITUDES, GalacticCentreSettings, psf_matrix, steady_templates
from models.fields import Arrays

__label__ = "skies_afresh"

_AFRESH, _OF_CLOUDS, _OF_SOURCES = 1, 8, 9
"""Streams of random numbers of each image; 0 is that of its counts."""
_GAS = AMPLITUDES.index("A_pi0")


def expected_skies(
    amplitude_bk: Tensor, sources_bhw: Tensor, cloud_bhw: Tensor, settings: GalacticCentreSettings
) -> Tensor:
    """Counts that are expected in each pixel of skies, shape (b, h, w).

    Args:
        amplitude_bk: of the diffuse components.
        sources_bhw: counts of all sources in each pixel, before the PSF.
        cloud_bhw: as `Skies.cloud_bhw`.
        settings: prior and camera.
    """
    blur, steady_khw = _tables(settings, sources_bhw.device)
    template_bkhw = steady_khw.repeat(len(amplitude_bk), 1, 1, 1)
    template_bkhw[:, _GAS] *= (cloud_bhw / settings.gas.softness).exp()
    return blur @ (sources_bhw + torch.einsum("bk,bkhw->bhw", amplitude_bk, template_bkhw)) @ blur.T


class Afresh(NamedTuple):
    """Skies as a training shows them."""

    amplitude_bk: Tensor
    """Of the diffuse components."""
    sources_bhw: Tensor
    """Counts of all sources in each pixel, before the PSF."""
    expected_bhw: Tensor
    """Counts that are expected in each pixel."""


def show_afresh(stored: Arrays, seed_b: Seeds, settings: GalacticCentreSettings) -> Afresh:
    """Other amplitudes, mirrored clouds, and each pixel's sources in a mirror image of their place.

    Neither law of sources knows east and west or north and south, and sources know nothing of each other: a sky whose
    pixels change places with their own mirror images, each or not, is as likely as it was. So every sky stands for
    4^1024 that have its numbers of sources and their fluxes.

    Args:
        stored: with `sources` and `clouds`.
        seed_b: of each sky.
        settings: prior and camera.
    """
    device = stored["sources"].device
    (low, high), quarter = settings.amplitude, settings.size // 2
    amplitude_bk = low + (high - low) * uniform(seed_b, (len(AMPLITUDES),), stream=_AFRESH, device=device)
    of_clouds_b211 = uniform(seed_b, (2, 1, 1), stream=_OF_CLOUDS, device=device)
    of_pixels_b2qq = uniform(seed_b, (2, quarter, quarter), stream=_OF_SOURCES, device=device)
    of_rows_b2hq = torch.cat([of_pixels_b2qq, of_pixels_b2qq.flip(2)], dim=2)
    cloud_bhw = _mirrored(stored["clouds"], of_clouds_b211)
    sources_bhw = _mirrored(stored["sources"], torch.cat([of_rows_b2hq, of_rows_b2hq.flip(3)], dim=3))
    return Afresh(amplitude_bk, sources_bhw, expected_skies(amplitude_bk, sources_bhw, cloud_bhw, settings))


def _mirrored(map_bhw: Tensor, drawn_b2hw: Tensor) -> Tensor:
    """Along either axis, pixels whose number is below a half; all numbers are the same as their mirror images'."""
    for along in (1, 2):
        map_bhw = torch.where(drawn_b2hw[:, along - 1] < 0.5, map_bhw.flip(along), map_bhw)
    return map_bhw


@lru_cache(maxsize=2)
def _tables(settings: GalacticCentreSettings, device: torch.device) -> tuple[Tensor, Tensor]:
    return tuple(
        torch.tensor(table, dtype=torch.float32, device=device)
        for table in (psf_matrix(settings), steady_templates(settings))
    )  # type: ignore[return-value]
