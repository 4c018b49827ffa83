"""An image held against a galaxy, beyond its χ²: what no galaxy can explain, and what the galaxy cannot know.

    examined = examine(image_bhw, maximum_bp, sigma_b, fwhm_b, Camera(), shot_noise=True)
    examined.score_bc[:, CHANGES.index("sky")], examined.correlation_b, examined.source_bs

Worked out in compiled code (fitting/residual.c), image by image: the same to the last bit in any company.

Legend of the shape suffixes: b batch, h height, w width, c changes of the image (`CHANGES`), p parameters (`SHAPE`),
r regions (`REGIONS`), s second sources (`PLACES`).
"""

from ctypes import byref
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from models.galaxies.fitting import (
    Array,
    Batch,
    ExaminedPointers,
    Grid,
    Pointer,
    Work,
    library,
    profile_tables,
    work_by_axis,
)
from models.galaxies.parameters import Camera, Domain
from models.galaxies.scoring import EVERYWHERE, check_images

__label__ = "galaxy_examining"

CHANGES = ("psf_fwhm", "psf_g1", "psf_g2", "sky", "dx", "dy")
"""Of the mean image: ln of the PSF's FWHM, the PSF's shear, counts in every pixel, shifts of the galaxy in pixels."""
REGIONS = ("core", "wings", "border")
"""Within 5 pixels of the centre; the 8 outermost pixels; what lies between."""
PLACES = ("near", "far")
"""Within 12 pixels of the centre, and beyond."""
_SOURCE_RADIUS = 0.25
"""Arcseconds: standard deviation of a typical source before the PSF."""
_PSF_SD = 1 / 2.355
"""Of a Gaussian, in units of its FWHM."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What is found of each image, float64, on the device of the images."""

    score_bc: Tensor
    """Of each change the score test (Rao 1948): standard normal where the image is like its galaxy."""
    size_bc: Tensor
    """How much of each change, in its unit."""
    moved_bcp: Tensor
    """What one unit of each change moves the parameters by that are found, flux in counts."""
    covariance_bpp: Tensor
    """Inverse Fisher matrix, of all pixels."""
    chi2_br: Tensor
    """Σ residual² / variance by region, of what neither galaxy nor sky explain."""
    freedom_br: Tensor
    """Its expectation."""
    correlation_b: Tensor
    """Of pixels that share a side."""
    source_bs: Tensor
    """The largest score of a second source, near and far."""
    source_flux_bs: Tensor
    """Its flux, counts."""
    source_x_bs: Tensor
    """Pixels from the centre of the stamp."""
    source_y_bs: Tensor
    source_sd_b: Tensor
    """Of the Gaussian that stands for a source, pixels."""
    norm_b: Tensor
    """√(Σ p²) of the galaxy's image, counts."""


def examine(
    image_bhw: Tensor,
    parameters_bp: Tensor,
    sigma_b: Tensor,
    fwhm_b: Tensor,
    camera: Camera,
    *,
    shot_noise: bool = False,
    domain: Domain = EVERYWHERE,
) -> Examined:
    """Hold images against a galaxy each, which is moved into the domain first; arguments as of `score`.

    Raises:
        ValueError, NoCompilerError, MemoryError: as `score`.
    """
    check_images(image_bhw, parameters_bp, sigma_b, fwhm_b, camera)
    shape_bp = domain.clamp(parameters_bp.detach().double().cpu()).numpy()
    image = image_bhw.detach().float().cpu().numpy()
    psf = _PSF_SD * fwhm_b.detach().double().cpu().numpy()
    width = np.hypot(psf, _SOURCE_RADIUS) / camera.pixel_scale
    parameters, sizes = shape_bp.shape[1], (len(CHANGES), len(REGIONS), len(PLACES))

    def hold(batch: Batch, grid: Grid, rows: Array) -> tuple[Work, dict[str, Array]]:
        changes, regions, places = ((len(rows), size) for size in sizes)
        shapes = {
            "score_bc": changes,
            "size_bc": changes,
            "moved_bcp": (*changes, parameters),
            "covariance_bpp": (len(rows), parameters, parameters),
            "chi2_br": regions,
            "freedom_br": regions,
            **dict.fromkeys(("correlation_b", "norm_b"), (len(rows),)),
            **dict.fromkeys(("source_bs", "source_flux_bs", "source_x_bs", "source_y_bs"), places),
        }
        found: dict[str, Array] = {name: np.empty(shape) for name, shape in shapes.items()}
        into = ExaminedPointers()
        into.point(**found)
        seen, at, widths = (Pointer(array[rows]) for array in (image, shape_bp, width))
        given = (byref(grid), byref(profile_tables(camera.beta)), byref(batch), seen, camera.size, at, widths)
        return partial(library().examine_images, *given, byref(into)), found

    found = work_by_axis(hold, image_bhw, sigma_b, fwhm_b, camera, shot_noise, domain)
    return Examined(**found, source_sd_b=torch.from_numpy(width).to(image_bhw.device))
