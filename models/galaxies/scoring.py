"""Fisher scoring: from any estimate of a galaxy to the maximum of the likelihood, and what that maximum is worth.

    scored = score(image_bhw, start_bp, sigma_b, fwhm_b, Camera())
    scored.maximum_bp, scored.covariance_bpp, scored.converged_b

Each image is worked out by itself, in compiled code (fitting/): steps are taken until the next would be within 1e-5
errors, within `Domain`, and the answer is the same to the last bit in any company and on any number of threads. Work
is done on the processor, wherever the tensors are.

Legend of the shape suffixes: b batch, h height, w width, p parameters (`SHAPE`).
"""

from ctypes import byref
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from models.galaxies.fitting import (
    Array,
    Batch,
    Found,
    Grid,
    Pointer,
    Work,
    library,
    limits_of,
    profile_tables,
    work_by_axis,
)
from models.galaxies.parameters import SHAPE, Camera, Domain, check_parameters

__label__ = "scoring"

EVERYWHERE = Domain()

MOST_STEPS = 50
"""Of one search, after which an image is given up; of a thousand from the prior none takes twenty."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What scoring comes to, on the device of the images; float64 but for the last three."""

    maximum_bp: Tensor
    """Where the likelihood is largest within the domain."""
    covariance_bpp: Tensor
    """Inverse Fisher matrix there."""
    chi2_b: Tensor
    """Σ (image − model)² / variance of that galaxy."""
    norm_b: Tensor
    """√(Σ p²) of its image, counts."""
    deviance_b: Tensor
    """−2 ln L at the maximum, up to a constant of the image."""
    steps_b: Tensor
    """int64; how many were tried."""
    converged_b: Tensor
    """bool; otherwise the maximum is only the best place that was found."""
    edge_b: Tensor
    """bool; whether the maximum lies at an end of the domain."""


def score(
    image_bhw: Tensor,
    start_bp: Tensor,
    sigma_b: Tensor,
    fwhm_b: Tensor,
    camera: Camera,
    *,
    steps: int = MOST_STEPS,
    shot_noise: bool = False,
    domain: Domain = EVERYWHERE,
) -> Scored:
    """Find the maximum of the likelihood of each image, which holds one centred galaxy.

    Args:
        image_bhw: observed images, counts.
        start_bp: any estimate of `SHAPE`, flux in counts; it is moved into the domain first.
        sigma_b: standard deviation of a pixel's Gaussian noise, counts.
        fwhm_b: FWHM of the PSF, arcseconds.
        camera: size, pixel scale and PSF slope.
        steps: the most of one search, of which an image that says little of n has three; with none, the start keeps its
            place and has its covariance.
        shot_noise: whether the galaxy's own Poisson noise adds to σ².
        domain: where estimates may lie. A wide one needs a wide grid, and its time.

    Raises:
        ValueError: naming the argument, its value and its range.
        NoCompilerError: where the compiled half is missing and cannot be built.
        MemoryError: where there is no room for it.
    """
    check_images(image_bhw, start_bp, sigma_b, fwhm_b, camera)
    if steps < 0:
        raise ValueError(f"steps = {steps}: must be at least 0")
    begin_bp = domain.clamp(start_bp.detach().double().cpu()).numpy()
    parameters, limits = begin_bp.shape[1], limits_of(domain)

    def fit(batch: Batch, grid: Grid, rows: Array) -> tuple[Work, dict[str, Array]]:
        count = len(rows)
        found: dict[str, Array] = {
            "maximum_bp": np.empty((count, parameters)),
            "covariance_bpp": np.empty((count, parameters, parameters)),
            "chi2_b": np.empty(count),
            "norm_b": np.empty(count),
            "deviance_b": np.empty(count),
            "steps_b": np.empty(count, dtype=np.int32),
            "converged_b": np.empty(count, dtype=np.int32),
        }
        into = Found()
        into.point(**found)
        given = (byref(grid), byref(profile_tables(camera.beta)), byref(batch), Pointer(begin_bp[rows]), byref(limits))
        return partial(library().fit_images, *given, steps, byref(into)), found

    found = work_by_axis(fit, image_bhw, sigma_b, fwhm_b, camera, shot_noise, domain)
    return Scored(
        **{**found, "steps_b": found["steps_b"].long(), "converged_b": found["converged_b"].bool()},
        edge_b=domain.edges(found["maximum_bp"]).any(dim=1),
    )


def check_images(image_bhw: Tensor, start_bp: Tensor, sigma_b: Tensor, fwhm_b: Tensor, camera: Camera) -> None:
    """Raise a ValueError unless everything is of one length, finite and can be drawn."""
    count = len(image_bhw)
    shapes = {
        "image": (image_bhw, (count, camera.size, camera.size)),
        "start": (start_bp, (count, len(SHAPE))),
        "sigma": (sigma_b, (count,)),
        "fwhm": (fwhm_b, (count,)),
    }
    for name, (value, shape) in shapes.items():
        if tuple(value.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(value.shape)}: must be {shape}")
        if not bool(value.isfinite().all()):
            row = int((~value.isfinite()).flatten(1 if value.ndim > 1 else 0).nonzero()[0, 0])
            raise ValueError(f"{name}[{row}] holds NaN or infinity: must be finite")
    if not bool((sigma_b > 0).all()):
        row = int((sigma_b <= 0).nonzero()[0])
        raise ValueError(f"sigma[{row}] = {float(sigma_b[row]):g}: must be above 0 counts")
    drawable = EVERYWHERE.clamp(start_bp.detach())
    check_parameters({**dict(zip(SHAPE, drawable.unbind(1), strict=True)), "fwhm": fwhm_b}, camera)
