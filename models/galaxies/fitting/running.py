"""Compiled work on images: those of one axis together, spread over threads, and what is found put back into its order.

    found = work_by_axis(prepare, image_bhw, sigma_b, fwhm_b, camera, shot_noise, domain)

Legend of the shape suffixes: b batch, h height, w width, n pixels of two quadrants.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_void_p
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.galaxies.fitting.folding import fold, shares
from models.galaxies.fitting.structures import Batch, Grid, fitting_grid
from models.galaxies.k_grid import group_by_axis
from models.galaxies.parameters import Camera, Domain

__label__ = "fitting_running"

Array = np.ndarray[Any, np.dtype[Any]]
Work = Callable[[int, int], int]
"""Compiled work on some images: the first row, and the stride to the next. It says 1 where memory is short."""


class Pointer(c_void_p):
    """To the first number of an array, which it keeps."""

    def __init__(self, array: Array) -> None:
        self._array = np.ascontiguousarray(array)
        super().__init__(self._array.ctypes.data)


def work_by_axis(
    prepare: Callable[[Batch, Grid, Array], tuple[Work, dict[str, Array]]],
    image_bhw: Tensor,
    sigma_b: Tensor,
    fwhm_b: Tensor,
    camera: Camera,
    shot_noise: bool,
    domain: Domain,
) -> dict[str, Tensor]:
    """Work on the images of each axis, and put what is found back into their order and onto their device.

    The axis is the one that the longest galaxy of the domain needs: it stays the same while a galaxy is searched for.

    Args:
        prepare: from images of one axis, its grid and their rows, to the work and where it puts what it finds.
        image_bhw: as of `score`, like all that follow.
        sigma_b: noise.
        fwhm_b: PSF.
        camera: size, pixel scale and PSF slope.
        shot_noise: the galaxy's own.
        domain: of the galaxies.

    Returns:
        What is found, by name, a row an image.

    Raises:
        MemoryError: where there is no room for the work.
    """
    fwhm = fwhm_b.detach().double().cpu()
    longest = {
        "half_light_radius": torch.full_like(fwhm, domain.half_light_radius[1]),
        "g1": torch.full_like(fwhm, domain.shear),
        "g2": torch.zeros_like(fwhm),
        "fwhm": fwhm,
    }
    mean_bn, square_bn = fold(image_bhw.detach().float().cpu().numpy())
    variance_b = sigma_b.detach().double().cpu().numpy() ** 2
    radius_b = (fwhm * camera.psf_scale * camera.pixel_scale).numpy()
    work: list[Work] = []
    parts: list[tuple[Array, dict[str, Array]]] = []
    for axis, of_axis in group_by_axis(longest, camera):
        rows = np.arange(len(fwhm)) if of_axis is None else of_axis.numpy()
        batch = Batch(count=len(rows), shot_noise=shot_noise)
        batch.point(
            mean_bn=mean_bn[rows], square_bn=square_bn[rows], share_n=shares(camera.size),
            variance_b=variance_b[rows], psf_radius_b=radius_b[rows],
        )  # fmt: skip
        prepared, found = prepare(batch, fitting_grid(camera, axis), rows)
        work.append(prepared)
        parts.append((rows, found))
    _spread(work, len(fwhm))
    whole = {name: np.empty((len(fwhm), *array.shape[1:]), array.dtype) for name, array in parts[0][1].items()}
    for rows, found in parts:
        for name, array in found.items():
            whole[name][rows] = array
    return {name: torch.from_numpy(array).to(image_bhw.device) for name, array in whole.items()}


def _spread(work: Sequence[Work], count: int) -> None:
    """Do all work on as many threads as torch has: each piece for every `step`-th row from the first, second, … on."""
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        failed = [piece(0, 1) for piece in work]
    else:
        with ThreadPoolExecutor(threads) as pool:
            pieces = [pool.submit(piece, first, threads) for piece in work for first in range(threads)]
            failed = [piece.result() for piece in pieces]
    if any(failed):
        raise MemoryError(f"no room for the search of {count} images on {threads} threads")
