"""What the compiled half is handed, as fit.h lays it out: constants of a grid, tables, limits, folded images.

    grid = fitting_grid(camera, axis)
    fit_images(byref(grid), byref(profile_tables(2.0)), …)

Each structure keeps the arrays that it points into. Legend of the shape suffixes: as in fit.h.
"""

import ctypes
from ctypes import c_double, c_int, c_void_p
from functools import cache
from typing import Any

import numpy as np
import torch

from models.galaxies.fitting.folding import half_of
from models.galaxies.k_grid import Axis, make_grid
from models.galaxies.parameters import Camera, Domain
from models.galaxies.tables import LN_N, TERMS, first_interval, moffat_table, sersic_table

__label__ = "fitting_structures"

Array = np.ndarray[Any, np.dtype[Any]]

_LANES = 8
"""Rows are padded to a multiple of it: what a processor adds at once."""


class Structure(ctypes.Structure):
    """One whose pointers are set from arrays, which live as long as it does."""

    def point(self, **arrays: Array) -> None:
        """Set pointers, by the name of each.

        Raises:
            ValueError: when an array is not contiguous.
        """
        self._kept: list[Array] = getattr(self, "_kept", [])
        for name, array in arrays.items():
            if not array.flags.c_contiguous:
                raise ValueError(f"{name} is not contiguous")
            self._kept.append(array)
            setattr(self, name, array.ctypes.data)


class Grid(Structure):
    """Constants of one stamp size and axis."""

    _fields_ = (
        *((name, c_int) for name in ("nodes", "padded", "half")),
        *((name, c_void_p) for name in ("squares_3kj", "pixel_kj", "cos_kx", "sin_kx", "cos_xj", "sin_xj")),
    )


class Tables(Structure):
    """Transforms of the profiles."""

    _fields_ = (
        *((name, c_int) for name in ("intervals", "terms", "shift", "first")),
        *((name, c_double) for name in ("lowest_ln_n", "highest_ln_n")),
        *((name, c_void_p) for name in ("sersic_ct", "moffat_t")),
    )


class Limits(Structure):
    """Where estimates may lie."""

    _fields_ = (("low", c_double * 3), ("high", c_double * 3), ("shear", c_double))


class Prior(Structure):
    """The prior's ranges."""

    _fields_ = Limits._fields_


class Batch(Structure):
    """Images of one grid, folded."""

    _fields_ = (
        *((name, c_int) for name in ("count", "shot_noise")),
        *((name, c_void_p) for name in ("mean_bn", "square_bn", "share_n", "variance_b", "psf_radius_b")),
    )


class Found(Structure):
    """What is found for each image."""

    _fields_ = tuple(
        (name, c_void_p)
        for name in (
            "maximum_bp",
            "covariance_bpp",
            "chi2_b",
            "norm_b",
            "deviance_b",
            "steps_b",
            "converged_b",
        )
    )


class ExaminedPointers(Structure):
    """What is found of each image at a galaxy."""

    _fields_ = tuple(
        (name, c_void_p)
        for name in (
            "score_bc",
            "size_bc",
            "moved_bcp",
            "covariance_bpp",
            "chi2_br",
            "freedom_br",
            "correlation_b",
            "source_bs",
            "source_flux_bs",
            "source_x_bs",
            "source_y_bs",
            "norm_b",
        )
    )


@cache
def fitting_grid(camera: Camera, axis: Axis) -> Grid:
    """The grid of k_grid.py, with padded rows."""
    constants = make_grid(camera.size, axis, torch.float32, torch.device("cpu"))
    nodes = len(constants.k_k)
    padding = -nodes % _LANES
    squares = (constants.squares_3m / camera.pixel_scale**2).view(3, 2, nodes, nodes)[:, 0].numpy()
    squares = np.pad(squares, ((0, 0), (0, 0), (0, padding)))
    squares[0, :, nodes:] = 1
    cos, sin = constants.cos_xk.numpy(), constants.sin_xk.numpy()
    grid = Grid(nodes=nodes, padded=nodes + padding, half=half_of(camera.size))
    grid.point(
        squares_3kj=squares,
        pixel_kj=np.pad(constants.weight_kk.numpy(), ((0, 0), (0, padding))),
        cos_kx=np.ascontiguousarray(cos.T),
        sin_kx=np.ascontiguousarray(sin.T),
        cos_xj=np.pad(cos, ((0, 0), (0, padding))),
        sin_xj=np.pad(sin, ((0, 0), (0, padding))),
    )
    return grid


@cache
def profile_tables(beta: float) -> Tables:
    """The tables of tables.py."""
    cpu = torch.device("cpu")
    moffat = moffat_table(beta, torch.float32, cpu)[0].contiguous().numpy()
    _, shift, first = first_interval(torch.float32)
    tables = Tables(
        intervals=moffat.shape[1], terms=TERMS, shift=shift, first=first, lowest_ln_n=LN_N[0], highest_ln_n=LN_N[1]
    )
    tables.point(sersic_ct=sersic_table(torch.float32, cpu).numpy(), moffat_t=moffat)
    return tables


def limits_of(domain: Domain) -> Limits:
    """A domain."""
    ranges = (domain.flux, domain.n, domain.half_light_radius)
    low, high = zip(*ranges, strict=True)
    return Limits(low=(c_double * 3)(*low), high=(c_double * 3)(*high), shear=domain.shear)


def prior_of(domain: Domain) -> Prior:
    """The prior whose galaxies fill a domain."""
    limits = limits_of(domain)
    return Prior(low=limits.low, high=limits.high, shear=limits.shear)
