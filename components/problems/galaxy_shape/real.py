"""Real galaxies for galaxy-shape: HST images, and what GalSim's HSM and SExtractor's routines say of them.

    stored = real_images(folder, settings)
    stamps = draw_answers(values, conditions, settings)          # a model's answers to them, for the tools to measure

Such galaxies have no true parameters, so that what a model says of them is held against what others do.
"""

from pathlib import Path

import numpy as np
import torch

from components.evidence.numbers import MeasuringTool
from components.problems.galaxy_shape.presentation import CONDITIONS, UNITS
from components.simulators.sersic import (
    FLUX_UNIT,
    PARAMETERS,
    Array,
    SersicSettings,
    adaptive_moments,
    draw_real_galaxies,
    kron_photometry,
)
from models.galaxies import Domain, render_rows

__label__ = "galaxy_real"

_SNR = 40.0
"""That real galaxies are scaled to: in the middle of the prior's."""
_SIGMA, _PSF_FWHM = (CONDITIONS.index(name) for name in ("sigma", "psf_fwhm"))


def real_images(folder: Path, settings: SersicSettings) -> dict[str, Array]:
    """HST galaxies at SNR 40 under the middle of the prior's PSFs and noise levels, as a dataset would store them."""
    sigma, psf_fwhm = (sum(ends) / 2 for ends in (settings.sigma, settings.psf_fwhm))
    stamps = draw_real_galaxies(folder, settings, psf_fwhm=psf_fwhm, norm=_SNR * sigma)
    told = {"sigma": sigma, "psf_fwhm": psf_fwhm, **dict.fromkeys(PARAMETERS, np.nan)}
    return {"stamp": stamps, **{name: np.full(len(stamps), value) for name, value in told.items()}}


def tools(settings: SersicSettings) -> tuple[MeasuringTool, ...]:
    """Flux and radius by sep, size and shape by HSM: all five parameters but the Sérsic index, which neither measures.

    Names begin with the program's, since an aperture's flux is not the `flux` of a profile, nor a shape that is seen
    through the PSF the shear of what is behind it.
    """
    return (
        MeasuringTool(
            name="sep",
            quantities={"sep_flux": UNITS["flux"], "sep_half_light_radius": UNITS["half_light_radius"]},
            measure=lambda images, conditions: kron_photometry(images, conditions[:, _SIGMA], settings),
        ),
        MeasuringTool(
            name="galsim.hsm",
            quantities={"hsm_size": "arcsec", "hsm_g1": "", "hsm_g2": ""},
            measure=lambda images, _: adaptive_moments(images, settings.pixel_scale),
        ),
    )


def draw_answers(values: Array, conditions: Array, settings: SersicSettings) -> Array:
    """Galaxies of these parameters without noise, counts, shape (b, size, size).

    Args:
        values: columns as in `PARAMETERS`; an answer beyond what can be drawn stands for the nearest that can.
        conditions: columns as in `CONDITIONS`.
        settings: camera.
    """
    galaxies_bp = torch.from_numpy(values * [FLUX_UNIT, 1, 1, 1, 1])
    fwhm_b = torch.from_numpy(conditions[:, _PSF_FWHM].copy())
    drawn: Array = render_rows(Domain().clamp(galaxies_bp), fwhm_b, settings.camera).numpy()
    return drawn
