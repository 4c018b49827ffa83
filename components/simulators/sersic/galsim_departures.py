"""Galaxies drawn by GalSim where PSF, centre or company depart from what our own renderer is made for.

    stamps = draw_departed(catalogue, settings, beta=2.5)
    stamps = draw_departed(catalogue, settings, kolmogorov=True)

A map of failures is no measurement where the renderer that a model searches with has drawn the departure, too. GalSim
builds a table for every new Sérsic index and keeps 100 of them: a catalogue of few distinct indices is drawn in 2 ms a
galaxy, and rows are taken in the order of their index.
"""

import numpy as np
import pandas as pd

from components.simulators.sersic.prior import FLUX_UNIT, PARAMETERS, Array, SersicSettings

__label__ = "galsim_departures"

_FOLDED, _BEYOND = 1e-2, 1e-4
"""Share of the flux that may lie beyond GalSim's grid, and of its transform: errors stay below 3e-5 of the peak, and
below 0.03 σ in the square root of their sum of squares over a stamp. GalSim's own 5e-3 takes six times as long at the
wide wings of β = 1.5."""


def draw_departed(
    catalogue: pd.DataFrame,
    settings: SersicSettings,
    *,
    beta: float | None = None,
    psf_shear: Array | None = None,
    kolmogorov: bool = False,
    offset: Array | None = None,
) -> Array:
    """Noise-free stamps of every row in the catalogue's order, float64, shape (rows, size, size).

    Args:
        catalogue: `PARAMETERS` and `psf_fwhm`.
        settings: the camera.
        beta: slope of the Moffat PSF; that of the settings where it is not given.
        psf_shear: reduced shear of each row's PSF, which preserves its area, shape (2, rows).
        kolmogorov: whether the PSF is that of Kolmogorov's turbulence, of the same FWHM (Fried 1966).
        offset: of each galaxy from the centre of its stamp, along a row and along a column, pixels, shape (2, rows).
    """
    import galsim  # here: GalSim is slow to import, and only evaluations draw with it

    accuracy = galsim.GSParams(folding_threshold=_FOLDED, maxk_threshold=_BEYOND)
    slope = settings.psf_beta if beta is None else beta
    stamps = np.empty((len(catalogue), settings.size, settings.size))
    columns = catalogue[[*PARAMETERS, "psf_fwhm"]].to_numpy(dtype=np.float64)
    for row in np.argsort(columns[:, 1], kind="stable"):
        flux, n, half_light_radius, g1, g2, fwhm = columns[row]
        galaxy = galsim.Sersic(n=n, half_light_radius=half_light_radius, flux=flux * FLUX_UNIT, gsparams=accuracy)
        if kolmogorov:
            psf = galsim.Kolmogorov(fwhm=fwhm, gsparams=accuracy)
        else:
            psf = galsim.Moffat(beta=slope, fwhm=fwhm, gsparams=accuracy)
        if psf_shear is not None:
            psf = psf.shear(g1=psf_shear[0, row], g2=psf_shear[1, row])
        seen = galsim.Convolve(galaxy.shear(g1=g1, g2=g2), psf, gsparams=accuracy)
        image = seen.drawImage(
            nx=settings.size,
            ny=settings.size,
            scale=settings.pixel_scale,
            offset=(0.0, 0.0) if offset is None else tuple(offset[:, row]),
            dtype=np.float64,
        )
        stamps[row] = image.array
    return stamps
