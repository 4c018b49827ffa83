"""The posterior of each image on the prior's scale: its mode, and how much galaxies weigh.

    modes = find_modes(image_bhw, maximum_bp, sigma_b, fwhm_b, camera, prior, shot_noise=True)
    log_bs, snr_bs = weigh_places(image_bhw, place_bsp, sigma_b, fwhm_b, camera, prior, shot_noise=True)

The search is that of scoring.py with a prior, and on the scale of prior.py, where a posterior has its mode within.

Legend of the shape suffixes: b batch, h height, w width, s places of an image, p parameters (`SHAPE`).
"""

from ctypes import byref
from functools import partial
from typing import NamedTuple

import numpy as np
from torch import Tensor

from models.galaxies.fitting import Array, Batch, Grid, Pointer, Work, library, prior_of, profile_tables, work_by_axis
from models.galaxies.parameters import Camera
from models.galaxies.prior import GalaxyPrior
from models.galaxies.scoring import MOST_STEPS, check_images

__label__ = "galaxy_posterior_mode"

_WITHIN = 2.0
"""Standard deviations of the prior, from which a search begins at most: farther out its slope is nearly level."""


class Modes(NamedTuple):
    """Of posteriors, float64, on the prior's scale."""

    place_bp: Tensor
    precision_bpp: Tensor
    """Minus the second derivatives of ln of the posterior there; where the search did not converge, Fisher's matrix and
    the prior's."""
    converged_b: Tensor


def find_modes(
    image_bhw: Tensor,
    start_bp: Tensor,
    sigma_b: Tensor,
    fwhm_b: Tensor,
    camera: Camera,
    prior: GalaxyPrior,
    *,
    shot_noise: bool,
    steps: int = MOST_STEPS,
) -> Modes:
    """Find the mode of each image's posterior; the SNR's range does not count for it.

    Args:
        image_bhw: observed images, counts.
        start_bp: any estimate of `SHAPE`, flux in counts.
        sigma_b: standard deviation of a pixel's Gaussian noise, counts.
        fwhm_b: FWHM of the PSF, arcseconds.
        camera: size, pixel scale and PSF slope.
        prior: with flux in counts.
        shot_noise: whether the galaxy's own Poisson noise adds to σ².
        steps: the most of one search.

    Raises:
        ValueError, NoCompilerError, MemoryError: as `score`.
    """
    check_images(image_bhw, start_bp, sigma_b, fwhm_b, camera)
    place_bp = prior.standardise(start_bp.detach().double().cpu()).clamp(-_WITHIN, _WITHIN).numpy()
    parameters = place_bp.shape[1]

    def find(batch: Batch, grid: Grid, rows: Array) -> tuple[Work, dict[str, Array]]:
        found: dict[str, Array] = {
            "place_bp": np.empty((len(rows), parameters)),
            "precision_bpp": np.empty((len(rows), parameters, parameters)),
            "converged_b": np.empty(len(rows), dtype=np.int32),
        }
        given = (byref(grid), byref(profile_tables(camera.beta)), byref(batch), byref(prior_of(prior.domain)))
        into = (Pointer(array) for array in found.values())
        return partial(library().find_modes, *given, Pointer(place_bp[rows]), steps, *into), found

    found = work_by_axis(find, image_bhw, sigma_b, fwhm_b, camera, shot_noise, prior.domain)
    return Modes(found["place_bp"], found["precision_bpp"], found["converged_b"].bool())


def weigh_places(
    image_bhw: Tensor,
    place_bsp: Tensor,
    sigma_b: Tensor,
    fwhm_b: Tensor,
    camera: Camera,
    prior: GalaxyPrior,
    *,
    shot_noise: bool,
) -> tuple[Tensor, Tensor]:
    """Ln of each image's posterior at places of the prior's scale, up to a constant of the image, and the SNR there.

    Args:
        image_bhw: observed images, counts.
        place_bsp: as many of each image.
        sigma_b: standard deviation of a pixel's Gaussian noise, counts.
        fwhm_b: FWHM of the PSF, arcseconds.
        camera: size, pixel scale and PSF slope.
        prior: with flux in counts.
        shot_noise: whether the galaxy's own Poisson noise adds to σ².

    Returns:
        float64, shape (b, s) each; the SNR's range does not count for the first.

    Raises:
        NoCompilerError, MemoryError: as `score`.
    """
    place_bsp = place_bsp.detach().double()
    places = place_bsp.shape[1]
    every = place_bsp.cpu().numpy()

    def weigh(batch: Batch, grid: Grid, rows: Array) -> tuple[Work, dict[str, Array]]:
        found = {name: np.empty((len(rows), places)) for name in ("deviance_bs", "norm_bs")}
        given = (byref(grid), byref(profile_tables(camera.beta)), byref(batch), byref(prior_of(prior.domain)))
        into = (Pointer(array) for array in found.values())
        return partial(library().weigh_places, *given, Pointer(every[rows]), places, *into), found

    found = work_by_axis(weigh, image_bhw, sigma_b, fwhm_b, camera, shot_noise, prior.domain)
    return -0.5 * found["deviance_bs"], found["norm_bs"] / sigma_b[:, None]
