"""Stamps and Cramér–Rao bounds of a catalogue of galaxies.

    stamps = draw_sersics(catalogue, settings)
    bounds = bound_sersics(catalogue, settings)

Both use one thread, so that the bytes do not depend on how many cores there are; processes share out the shards.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from components.bounds import cramer_rao_bound, galaxy_fisher
from components.simulators.sersic import FLUX_UNIT, PARAMETERS, Array, Image, SersicSettings
from models.sersic import render


def draw_sersics(catalogue: pd.DataFrame, settings: SersicSettings) -> Image:
    """Noise-free stamps of every row, float32, shape (rows, size, size)."""
    if settings.renderer == "galsim":
        from components.simulators.galsim_sersics import DATASET, draw_with_galsim

        return draw_with_galsim(catalogue, settings, DATASET).astype(np.float32)
    with one_thread():
        parameters_bp, fwhm_b = _tensors(catalogue)
        flux, n, radius, g1, g2 = parameters_bp.unbind(1)
        camera = settings.camera
        images = render(
            flux, n, radius, g1, g2, fwhm_b, size=camera.size, pixel_scale=camera.pixel_scale, beta=camera.beta
        )
        stamps: Image = images.numpy()
        return stamps


def bound_sersics(catalogue: pd.DataFrame, settings: SersicSettings) -> Array:
    """Cramér–Rao bounds of `PARAMETERS` in their units, shape (rows, 5), from exact derivatives.

    Args:
        catalogue: truth, `psf_fwhm` and `sigma`.
        settings: camera and noise.
    """
    with one_thread():
        parameters_bp, fwhm_b = _tensors(catalogue)
        sigma_b = torch.from_numpy(catalogue["sigma"].to_numpy(dtype=np.float32, copy=True))
        fisher_bpp = galaxy_fisher(parameters_bp, fwhm_b, sigma_b, settings.camera, shot_noise=settings.shot_noise)
        bounds: Array = cramer_rao_bound(fisher_bpp).numpy()
    bounds[:, 0] /= FLUX_UNIT
    return bounds


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tensors(catalogue: pd.DataFrame) -> tuple[Tensor, Tensor]:
    columns = torch.from_numpy(catalogue[[*PARAMETERS, "psf_fwhm"]].to_numpy(dtype=np.float32, copy=True))
    columns[:, 0] *= FLUX_UNIT
    return columns[:, :-1], columns[:, -1]
