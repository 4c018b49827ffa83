"""The grid of wave vectors over which a stamp's Fourier transform is summed.

    for axis, rows in group_by_axis(parameters, camera):
        grid = make_grid(size, axis, dtype, device)

Both axes have the same nodes, close together at small k, where the wings are, and wide at large k, where only the core
is left. For a stamp of 64 pixels, 51 nodes of positive k do what an FFT of twice the stamp needs 128 for, with a
quarter of its wrap-around. Nodes come in positive and negative pairs, and none is at zero.

Legend of the shape suffixes: k nodes of an axis, m all pairs of nodes, x pixels of half of a stamp's side.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from models.galaxies.parameters import CENTROID, Camera
from models.galaxies.tables import moffat_reach

__label__ = "k_grid"

_FINEST = 1 / 512
"""Spacing of the nodes at k = 0, in cycles a pixel: the wings repeat after 512 pixels."""
_GROWTH = 8.0
"""Nodes over which the spacing grows to its largest; 4 would leave errors of 7e-5 of the peak, 6 of 5e-6."""
_MARGIN = 12
"""Pixels from the edge of the stamp to the first repetition of a core: enough for |g| ≤ 0.67 and half-light radii up to
2.6 pixels; 8 would leave errors of 8e-5 of the peak."""
_LEVELS = 5
"""How often the margin is doubled, at most, for longer galaxies: errors are below 2e-4 up to |g| = 0.95."""
_RATIOS = tuple(round(5.1 * 2 ** (level / 1.2), 6) for level in range(_LEVELS))
_LENGTHS = tuple(6.0 * 2**level for level in range(_LEVELS))
"""Axis ratios, and lengths in pixels, beyond each of which the margin is doubled once more. Measured: errors grow with
the axis ratio, and slowly with the length."""
_OFFSET_STEP = 8
"""Pixels by which the margin grows with a galaxy's distance from the centre of the stamp."""
_LEAST_PSF = 1.2e-4
"""The axis ends where the PSF lets less than this pass: about one cycle a pixel for an FWHM of two pixels."""
_REACH_STEP = 1 / 8
"""Cycles a pixel by which the axis grows with a sharper PSF."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What the grid must do for a galaxy; both go in steps, so that few grids are ever made."""

    reach: float
    """Where the nodes end, cycles a pixel."""
    margin: int
    """Pixels from the edge of the stamp to the first repetition of the core of a galaxy in its centre."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Constants of one stamp size: nodes, weights, and cosines at the pixels of half a side."""

    k_k: Tensor
    squares_3m: Tensor
    """k², kx² − ky² and 2 kx ky over the signs of ky and all pairs of nodes, flattened."""
    weight_kk: Tensor
    cos_xk: Tensor
    sin_xk: Tensor


def group_by_axis(parameters: Mapping[str, Tensor], camera: Camera) -> list[tuple[Axis, Tensor | None]]:
    """Which galaxies are drawn on which axis, so that none depends on what else is in its batch.

    Decided by +, −, ×, / and √ alone, which are the same on every machine: log2 and pow are not, in the last bit.

    Returns:
        Pairs of an axis and the rows that need it; None stands for all rows, the usual case.
    """
    radius, g1, g2, fwhm = (parameters[name].detach() for name in ("half_light_radius", "g1", "g2", "fwhm"))
    shear_b = (g1 * g1 + g2 * g2).sqrt().clamp_max(0.999)
    ratio_b = (1 + shear_b) / (1 - shear_b)
    length_b = radius * ratio_b.sqrt() / camera.pixel_scale
    level_b = torch.maximum(
        torch.bucketize(ratio_b, ratio_b.new_tensor(_RATIOS)), torch.bucketize(length_b, length_b.new_tensor(_LENGTHS))
    )
    reach_b = (_reach_over_fwhm(camera) / fwhm).ceil().clamp_min(2)
    # A galaxy off the centre is farther from one edge of the stamp, and its repetition as much nearer to it.
    offsets = [parameters[name].detach().abs() for name in CENTROID if name in parameters]
    apart_b = (torch.stack(offsets).amax(dim=0) / _OFFSET_STEP).ceil() if offsets else torch.zeros_like(reach_b)
    kinds, kind_b = torch.unique(torch.stack([reach_b, level_b.to(reach_b), apart_b]), dim=1, return_inverse=True)
    axes = [
        Axis(reach=reach * _REACH_STEP, margin=_MARGIN * 2 ** int(level) + _OFFSET_STEP * int(apart))
        for reach, level, apart in kinds.T.tolist()
    ]
    if len(axes) == 1:
        return [(axes[0], None)]
    return [(axis, (kind_b == kind).nonzero().squeeze(1)) for kind, axis in enumerate(axes)]


@cache
def _reach_over_fwhm(camera: Camera) -> float:
    """Steps of the reach of a PSF of one arcsecond; rounded, since much is decided by it."""
    cycles = moffat_reach(camera.beta, _LEAST_PSF) / (2 * math.pi * camera.psf_scale)
    return round(cycles / _REACH_STEP, 6)


@cache
def make_grid(size: int, axis: Axis, dtype: torch.dtype, device: torch.device) -> Grid:
    """The grid of a stamp of `size` pixels."""
    with torch.inference_mode(mode=False):  # a grid first made in inference must serve training later
        widest = 1 / (size / 2 + axis.margin)
        t = torch.arange(math.ceil(axis.reach / widest) + 8 * int(_GROWTH), dtype=torch.float64) + 0.5
        # k(t) is odd and smooth, so the midpoint rule in t has no error but the repetition of the image.
        k = widest * t - (widest - _FINEST) * _GROWTH * torch.tanh(t / _GROWTH)
        spacing = widest - (widest - _FINEST) / torch.cosh(t / _GROWTH) ** 2
        inside = k < axis.reach
        k, spacing = 2 * math.pi * k[inside], 2 * math.pi * spacing[inside]
        kx, ky = k[:, None], torch.stack([k, -k])[:, None, :]
        squares = torch.stack([kx**2 + ky**2, (kx**2 - ky**2).expand(2, -1, -1), 2 * kx * ky])
        pixel = torch.sinc(k / (2 * math.pi)) * spacing
        x = torch.arange(-(-size // 2), dtype=torch.float64) + (0.5 if size % 2 == 0 else 0.0)
        constants = {
            "k_k": k,
            "squares_3m": squares.flatten(1),
            "weight_kk": torch.outer(pixel, pixel) / (2 * math.pi**2),
            "cos_xk": torch.cos(torch.outer(x, k)),
            "sin_xk": torch.sin(torch.outer(x, k)),
        }
        return Grid(**{name: value.to(device=device, dtype=dtype) for name, value in constants.items()})
