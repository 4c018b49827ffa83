"""Real galaxies from a GalSim catalogue of HST images, as HST saw them, in the pixels of another camera.

    truth_bhw, snr_b = sharp_real_galaxies(folder, settings)

They hold what the prior leaves out, spirals, clumps and neighbours, and HST's own noise.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from components.simulators.blurred_galaxies.drawing import Images
from components.simulators.blurred_galaxies.settings import FLUX, BlurredGalaxySettings
from components.simulators.real_catalogue import open_real_galaxies

__label__ = "sharp_real_galaxies"

_HST_SCALE = 0.03
"""Arcseconds a pixel of the catalogue's images (Mandelbaum et al. 2012)."""
_FIELD = 40
"""Pixels of this camera on a side of the noise that is added up."""


class RealGalaxies(NamedTuple):
    """Galaxies as HST saw them."""

    truth_bhw: Images
    """With `FLUX` counts on each stamp."""
    snr_b: np.ndarray[Any, np.dtype[np.float64]]
    """√(Σ p²)/σ of each by HST's own noise: what is called the truth is no better than that."""


def sharp_real_galaxies(folder: Path, settings: BlurredGalaxySettings) -> RealGalaxies:
    """Every galaxy of a catalogue through HST's PSF and these pixels.

    Args:
        folder: holds the catalogue that `galsim.RealGalaxyCatalog` opens.
        settings: camera.

    Raises:
        AssayError: when there is no catalogue.
    """
    import galsim

    catalogue = open_real_galaxies(folder)
    stamps, ratios = [], []
    for index in range(catalogue.nobjects):
        seen = galsim.Convolve(galsim.RealGalaxy(catalogue, index=index), catalogue.getPSF(index))
        drawn = seen.drawImage(nx=settings.size, ny=settings.size, scale=settings.pixel_scale).array.astype(np.float64)
        ratios.append(np.sqrt(np.sum(drawn**2)) / _noise(catalogue, index, settings.pixel_scale))
        stamps.append((drawn * (FLUX / drawn.sum())).astype(np.float32))
    return RealGalaxies(np.array(stamps), np.array(ratios))


def _noise(catalogue: Any, index: int, pixel_scale: float) -> float:
    """Of a pixel of this camera: HST's is correlated from pixel to pixel, so that a field of it is added up."""
    import galsim

    of_hst = catalogue.getNoise(index, galsim.BaseDeviate(index + 1))
    finer = round(pixel_scale / _HST_SCALE)
    field = galsim.Image(_FIELD * finer, _FIELD * finer, scale=_HST_SCALE)
    field.addNoise(of_hst)
    sums = field.array.reshape(_FIELD, finer, _FIELD, finer).sum(axis=(1, 3))
    return float(sums.std()) * pixel_scale / (_HST_SCALE * finer)
