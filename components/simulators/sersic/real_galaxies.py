"""Real galaxies from a GalSim catalogue of HST images, seen by the simulated camera.

    stamps = draw_real_galaxies(folder, settings, psf_fwhm=0.7, norm=30 * 250)

They have no true parameters: spirals, clumps and neighbours are what the prior leaves out.
"""

from pathlib import Path

import numpy as np

from components.simulators.real_catalogue import open_real_galaxies
from components.simulators.sersic.prior import Image, SersicSettings

__label__ = "real_galaxies"


def draw_real_galaxies(folder: Path, settings: SersicSettings, *, psf_fwhm: float, norm: float) -> Image:
    """Every galaxy of a catalogue through the simulated PSF and pixels, without noise of ours.

    Args:
        folder: holds the catalogue that `galsim.RealGalaxyCatalog` opens.
        settings: camera.
        psf_fwhm: of the PSF, arcseconds.
        norm: √(Σ p²) that each stamp is scaled to: SNR times σ.

    Returns:
        Shape (galaxies, size, size).

    Raises:
        AssayError: when there is no catalogue.
    """
    import galsim

    catalogue = open_real_galaxies(folder)
    psf = galsim.Moffat(beta=settings.psf_beta, fwhm=psf_fwhm)
    stamps = []
    for index in range(catalogue.nobjects):
        galaxy = galsim.Convolve(galsim.RealGalaxy(catalogue, index=index), psf)
        drawn = galaxy.drawImage(nx=settings.size, ny=settings.size, scale=settings.pixel_scale).array
        stamps.append(np.asarray(drawn, dtype=np.float32) * np.float32(norm / np.sqrt(np.sum(drawn**2))))
    return np.array(stamps)
