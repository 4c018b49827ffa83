"""Real galaxies from a GalSim catalogue of HST images, as HST saw them, in the pixels of another camera.

    truth_bhw = sharp_real_galaxies(folder, settings)

They hold what the prior leaves out, spirals, clumps and neighbours, and HST's own noise.
"""

from pathlib import Path

import numpy as np

from components.simulators.blurred_galaxies.drawing import Images
from components.simulators.blurred_galaxies.settings import FLUX, BlurredGalaxySettings
from components.simulators.sersic import open_real_galaxies

__label__ = "sharp_real_galaxies"


def sharp_real_galaxies(folder: Path, settings: BlurredGalaxySettings) -> Images:
    """Every galaxy of a catalogue through HST's PSF and these pixels, with `FLUX` counts on its stamp.

    Args:
        folder: holds the catalogue that `galsim.RealGalaxyCatalog` opens.
        settings: camera.

    Returns:
        Shape (galaxies, size, size).

    Raises:
        AssayError: when there is no catalogue.
    """
    import galsim

    catalogue = open_real_galaxies(folder)
    stamps = []
    for index in range(catalogue.nobjects):
        seen = galsim.Convolve(galsim.RealGalaxy(catalogue, index=index), catalogue.getPSF(index))
        drawn = seen.drawImage(nx=settings.size, ny=settings.size, scale=settings.pixel_scale).array
        stamps.append(np.asarray(drawn * (FLUX / drawn.sum()), dtype=np.float32))
    return np.array(stamps)
