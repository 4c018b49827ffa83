"""Stamps and Cramér–Rao bounds of a catalogue of galaxies.

    stamps = draw_sersics(catalogue, settings)
    bounds = bound_sersics(catalogue, settings)

Both are computed in float64 and rounded, so that they are the same on every machine; one thread each, since processes
share out the shards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from components.core import AssayError
from components.fields import significant
from components.simulators.sersic.bounds import correlation_bound, cramer_rao_bound, galaxy_fisher
from components.simulators.sersic.prior import FLUX_UNIT, PARAMETERS, Array, SersicSettings, whole_stamps
from components.simulators.threads import one_thread
from models.galaxies import Camera, render_rows

__label__ = "sersic_drawing"


def draw_sersics(catalogue: pd.DataFrame, settings: SersicSettings) -> Array:
    """Noise-free stamps of every row, float64 in steps of 0.01 count, shape (rows, size, size)."""
    if settings.renderer == "galsim":
        from components.simulators.sersic.galsim_drawing import DATASET, draw_with_galsim

        return whole_stamps(draw_with_galsim(catalogue, settings, DATASET))
    with one_thread():
        parameters_bp, fwhm_b = _tensors(catalogue)
        return whole_stamps(render_rows(parameters_bp, fwhm_b, settings.camera).numpy())


def bound_sersics(catalogue: pd.DataFrame, settings: SersicSettings) -> Array:
    """Cramér–Rao bounds of `PARAMETERS` in their units to six digits, shape (rows, 5), from exact derivatives.

    Args:
        catalogue: truth, `psf_fwhm` and `sigma`.
        settings: camera and noise.
    """
    with one_thread():
        parameters_bp, fwhm_b = _tensors(catalogue)
        sigma_b = torch.from_numpy(catalogue["sigma"].to_numpy(dtype=np.float64, copy=True))
        fisher_bpp = galaxy_fisher(parameters_bp, fwhm_b, sigma_b, settings.camera, shot_noise=settings.shot_noise)
        bounds: Array = cramer_rao_bound(fisher_bpp).numpy()
    bounds[:, 0] /= FLUX_UNIT
    return significant(bounds, digits=6)


@dataclass(frozen=True, kw_only=True)
class GalaxyBound:
    """What the image of one galaxy can tell."""

    crb: Array
    """Bound of each of `PARAMETERS` in its unit, shape (5,)."""
    correlation: list[list[float]]
    """Of the errors of an efficient estimate."""
    snr: float
    """√(Σ p²)/σ."""


def bound_of_galaxy(galaxy: Mapping[str, float], camera: Camera, *, shot_noise: bool) -> GalaxyBound:
    """The bound of one galaxy, in float64.

    Args:
        galaxy: `PARAMETERS` in their units, `psf_fwhm` and `sigma`.
        camera: size, pixel scale and PSF slope.
        shot_noise: whether the galaxy's own Poisson noise is added.

    Raises:
        AssayError: naming what is out of its range, and its value.
    """
    columns = torch.tensor([[galaxy[name] for name in (*PARAMETERS, "psf_fwhm", "sigma")]], dtype=torch.float64)
    columns[:, 0] *= FLUX_UNIT
    parameters_bp, fwhm_b, sigma_b = columns[:, :5], columns[:, 5], columns[:, 6]
    if not galaxy["flux"] > 0:
        raise AssayError(f"flux = {galaxy['flux']:g}: must be above 0")
    try:
        fisher_bpp = galaxy_fisher(parameters_bp, fwhm_b, sigma_b, camera, shot_noise=shot_noise)
    except ValueError as error:  # its rows are those of a batch, here of one
        raise AssayError(str(error).replace("[0]", "")) from error
    image_bhw = render_rows(parameters_bp, fwhm_b, camera)
    crb: Array = cramer_rao_bound(fisher_bpp)[0].numpy()
    crb[0] /= FLUX_UNIT
    return GalaxyBound(
        crb=crb,
        correlation=correlation_bound(fisher_bpp)[0].tolist(),
        snr=float(image_bhw.norm()) / galaxy["sigma"],
    )


def _tensors(catalogue: pd.DataFrame) -> tuple[Tensor, Tensor]:
    columns = torch.from_numpy(catalogue[[*PARAMETERS, "psf_fwhm"]].to_numpy(dtype=np.float64, copy=True))
    columns[:, 0] *= FLUX_UNIT
    return columns[:, :-1], columns[:, -1]
