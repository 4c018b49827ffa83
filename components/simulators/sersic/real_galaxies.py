"""Real galaxies from a GalSim catalogue of HST images, seen by the simulated camera, and a direct fit of their images.

    stamps = draw_real_galaxies(folder, settings, psf_fwhm=0.7, norm=30 * 250)
    values = fit_directly(images, conditions, settings)

They have no true parameters: spirals, clumps and neighbours are what the prior leaves out.
"""

from pathlib import Path

import numpy as np
import torch

from components.core import AssayError
from components.simulators.sersic.prior import FLUX_UNIT, Array, Image, SersicSettings
from models.galaxies import score

__label__ = "real_galaxies"

_CATALOGUE = "real_galaxy_catalog.fits"
_STARTS = ((1.0, 0.2), (2.0, 0.3), (4.0, 0.4))
"""Sérsic index and half-light radius of the fits' starts; the best end counts."""


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

    if not (folder / _CATALOGUE).is_file():
        raise AssayError(
            f"real_galaxies = {str(folder)!r}: has no {_CATALOGUE}: name a galsim.RealGalaxyCatalog's folder"
        )
    catalogue = galsim.RealGalaxyCatalog(_CATALOGUE, dir=str(folder))
    psf = galsim.Moffat(beta=settings.psf_beta, fwhm=psf_fwhm)
    stamps = []
    for index in range(catalogue.nobjects):
        galaxy = galsim.Convolve(galsim.RealGalaxy(catalogue, index=index), psf)
        drawn = galaxy.drawImage(nx=settings.size, ny=settings.size, scale=settings.pixel_scale).array
        stamps.append(np.asarray(drawn, dtype=np.float32) * np.float32(norm / np.sqrt(np.sum(drawn**2))))
    return np.array(stamps)


def fit_directly(images: Image | Array, conditions: Array, settings: SersicSettings) -> Array:
    """Maximum-likelihood parameters of images without any network: searched from fixed starts, the best of them.

    Args:
        images: as observed, shape (images, size, size).
        conditions: σ and PSF FWHM of each.
        settings: camera, noise and domain.

    Returns:
        `PARAMETERS` in their units, shape (images, 5).
    """
    image_bhw = torch.from_numpy(np.asarray(images, dtype=np.float32))
    sigma_b, fwhm_b = torch.from_numpy(np.asarray(conditions, dtype=np.float32)).T
    flux_b = image_bhw.sum(dim=(1, 2)).clamp_min(1.0)
    best_bp = torch.zeros(len(images), 5, dtype=torch.float64)
    best_b = torch.full((len(images),), torch.inf, dtype=torch.float64)
    for n, radius in _STARTS:
        rest_bp = torch.tensor([n, radius, 0.0, 0.0]).expand(len(images), -1)
        start_bp = torch.cat([flux_b[:, None], rest_bp], dim=1)
        fitted = score(
            image_bhw, start_bp, sigma_b, fwhm_b, settings.camera,
            shot_noise=settings.shot_noise, domain=settings.domain,
        )  # fmt: skip
        better_b = fitted.deviance_b < best_b
        best_bp = torch.where(better_b[:, None], fitted.maximum_bp, best_bp)
        best_b = torch.where(better_b, fitted.deviance_b, best_b)
    values: Array = best_bp.numpy()
    values[:, 0] /= FLUX_UNIT
    return values
