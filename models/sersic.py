"""Galaxies: sheared Sérsic profiles seen through round Moffat PSFs and square pixels, drawn in batches.

    image_bhw = render(flux, n, half_light_radius, g1, g2, fwhm)                  # each a tensor of length b
    image_bhw, derivative_bphw = render_with_derivatives(parameters_bp, fwhm_b, Camera())

The image is the inverse Fourier transform of galaxy × PSF × pixel, summed directly at the pixels' centres. The grid in
k is a product of two equal axes whose nodes lie close at small k, where the wings are, and wide at large k, where only
the core is left: 51 nodes do what an FFT needs 128 for, with an eighth of its wrap-around. Power beyond the Nyquist
frequency is folded back by the sum itself, which runs over all k that PSF and pixel let pass. A galaxy is its own
mirror image, so half of each axis gives the other half, and the sums are products of small matrices.

Everything is a plain torch operation, differentiable in every parameter in forward and reverse mode, in float32 or
float64, on any device.

Legend of the shape suffixes: b batch, h height, w width, p parameters, k nodes of an axis, s sign of ky, x half of a
stamp's side.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.func import jvp, vmap

from models.sersic_tables import (
    interpolate,
    moffat_reach,
    moffat_table,
    sersic_coefficients,
    sersic_table,
)

SHAPE = ("flux", "n", "half_light_radius", "g1", "g2")
"""The parameters of a galaxy, in the order of every table and matrix."""
CENTROID = ("dx", "dy")
"""Offset of its centre from the centre of the stamp, in pixels."""
INDEX_RANGE = (0.3, 6.2)
"""Sérsic indices that can be drawn, as in GalSim."""
LEAST_FWHM = 0.5
"""Pixels: a sharper PSF would need ever more nodes."""

_FINEST = 1 / 512
"""Spacing of the nodes at k = 0, in cycles a pixel: the wings repeat after 512 pixels."""
_GROWTH = 8.0
"""Nodes over which the spacing grows to its largest; 4 would leave errors of 7e-5 of the peak, 6 of 5e-6."""
_MARGIN = 12
"""Pixels from the edge of the stamp to the first repetition of a core; 8 would leave errors of 8e-5."""
_LEAST_PSF = 1.5e-4
"""The axis ends at one cycle a pixel, or where the PSF lets less than this pass if that is farther."""
_CHUNK = {"cpu": 64, "cuda": 2048}
"""Galaxies drawn at a time: what fills the caches of a core (20 MB with temporaries), or a GPU (1 GB)."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """What turns a galaxy into pixels."""

    size: int = 64
    """Pixels on a side of a stamp."""
    pixel_scale: float = 0.23
    """Arcseconds a pixel."""
    beta: float = 2.0
    """Slope of the Moffat PSF."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size = {self.size}: must be at least 1 pixel")
        if not 0 < self.pixel_scale < math.inf:
            raise ValueError(f"pixel_scale = {self.pixel_scale}: must be above 0 arcsec")
        if not 1 < self.beta <= 100:  # beyond, it is a Gaussian to all digits that matter
            raise ValueError(f"beta = {self.beta}: must be above 1 and at most 100")

    @property
    def psf_scale(self) -> float:
        """Scale radius of the Moffat profile in pixels, for an FWHM of one arcsecond (Trujillo et al. 2001, eq. 2)."""
        return 1 / (2 * math.sqrt(2 ** (1 / self.beta) - 1) * self.pixel_scale)


def render(
    flux: Tensor,
    n: Tensor,
    half_light_radius: Tensor,
    g1: Tensor,
    g2: Tensor,
    fwhm: Tensor,
    *,
    size: int = 64,
    pixel_scale: float = 0.23,
    beta: float = 2.0,
    dx: Tensor | float = 0.0,
    dy: Tensor | float = 0.0,
) -> Tensor:
    """Draw a batch of galaxies without noise.

    Args:
        flux: total flux; the image is in its unit.
        n: Sérsic index, 0.3 to 6.2.
        half_light_radius: of the profile before the shear, which preserves its area; arcseconds.
        g1: reduced shear along the axes, |g| = (1 − q)/(1 + q) < 1 for an axis ratio q.
        g2: reduced shear along the diagonals.
        fwhm: full width at half maximum of the Moffat PSF, at least half a pixel; arcseconds.
        size: pixels on a side.
        pixel_scale: arcseconds a pixel.
        beta: slope of the PSF, above 1.
        dx: from the centre of the stamp to that of the galaxy, along a row; pixels. Both zero is drawn faster.
        dy: the same along a column.

    Returns:
        Shape (b, size, size), in the parameters' dtype and on their device.

    Raises:
        ValueError: naming the parameter, its value and its range.
    """
    camera = Camera(size=size, pixel_scale=pixel_scale, beta=beta)
    parameters = {"flux": flux, "n": n, "half_light_radius": half_light_radius, "g1": g1, "g2": g2, "fwhm": fwhm}
    if isinstance(dx, Tensor) or isinstance(dy, Tensor) or dx != 0 or dy != 0:
        offsets = {"dx": dx, "dy": dy}
        parameters |= {
            name: offset if isinstance(offset, Tensor) else torch.full_like(flux, offset)
            for name, offset in offsets.items()
        }
    check_parameters(parameters, camera)
    reach = _reach(fwhm, camera)
    parts = zip(*(value.split(_CHUNK.get(flux.device.type, 64)) for value in parameters.values()), strict=True)
    return torch.cat([_draw(dict(zip(parameters, part, strict=True)), camera, reach) for part in parts])


def render_with_derivatives(
    parameters_bp: Tensor, fwhm_b: Tensor, camera: Camera, names: Sequence[str] = SHAPE
) -> tuple[Tensor, Tensor]:
    """Images and their exact derivatives, by forward-mode differentiation.

    Args:
        parameters_bp: columns as in `names`, valid as `render` says; they are not checked here.
        fwhm_b: FWHM of the PSF, arcseconds.
        camera: size, pixel scale and PSF slope.
        names: `SHAPE`, or `SHAPE` and `CENTROID`.

    Returns:
        image_bhw, and derivative_bphw by each column.
    """
    reach = _reach(fwhm_b, camera)
    # All but the flux, in which the image is linear.
    directions = torch.eye(len(names), dtype=parameters_bp.dtype, device=parameters_bp.device)[1:]
    chunk = _CHUNK.get(parameters_bp.device.type, 64)
    images, derivatives = [], []
    for values_bp, fwhm in zip(parameters_bp.split(chunk), fwhm_b.split(chunk), strict=True):
        # Unit flux, so that the derivative by the flux is there at zero flux too.
        unit_bp = torch.cat([torch.ones_like(values_bp[:, :1]), values_bp[:, 1:]], dim=1)

        def draw(values: Tensor, fwhm: Tensor = fwhm) -> Tensor:
            return _draw({**dict(zip(names, values.unbind(1), strict=True)), "fwhm": fwhm}, camera, reach)

        def along(direction: Tensor, unit_bp: Tensor = unit_bp) -> tuple[Tensor, Tensor]:
            image, derivative = jvp(draw, (unit_bp,), (direction.expand_as(unit_bp),))
            return image, derivative

        unit_bhw, others_bphw = vmap(along, out_dims=(None, 1))(directions)
        flux_b11 = values_bp[:, 0, None, None]
        images.append(flux_b11 * unit_bhw)
        derivatives.append(torch.cat([unit_bhw[:, None], flux_b11[:, None] * others_bphw], dim=1))
    return torch.cat(images), torch.cat(derivatives)


def check_parameters(parameters: Mapping[str, Tensor], camera: Camera) -> None:
    """Raise a ValueError that names the first parameter out of its range, with its value, unless all are right."""
    lengths = {name: tuple(value.shape) for name, value in parameters.items()}
    for name, shape in lengths.items():
        if len(shape) != 1 or shape != lengths["flux"]:
            raise ValueError(
                f"{name} has shape {shape}, flux {lengths['flux']}: every parameter must be a tensor of one length"
            )
        if not parameters[name].is_floating_point():
            raise ValueError(f"{name} is of type {parameters[name].dtype}: must be float32 or float64")
    positive = torch.finfo(parameters["flux"].dtype).tiny
    least = {"n": INDEX_RANGE[0], "half_light_radius": positive, "fwhm": LEAST_FWHM * camera.pixel_scale * (1 - 1e-6)}
    said = {
        "n": f"within {INDEX_RANGE[0]} to {INDEX_RANGE[1]}",
        "half_light_radius": "above 0 arcsec",
        "fwhm": f"at least {LEAST_FWHM * camera.pixel_scale:g} arcsec, half a pixel",
    }
    values_pb = torch.stack([value.detach() for value in parameters.values()])
    g1, g2 = parameters["g1"].detach(), parameters["g2"].detach()
    low_p = values_pb.new_tensor([least.get(name, -math.inf) for name in parameters])
    right_pb = values_pb.isfinite() & (values_pb >= low_p[:, None])
    right_pb[1] &= values_pb[1] <= INDEX_RANGE[1]
    round_b = g1**2 + g2**2 < 1
    if bool((right_pb.all(dim=0) & round_b).all()):  # the one place where a GPU is waited for
        return
    for name, right_b, value_b in zip(parameters, right_pb, values_pb, strict=True):
        if not bool(right_b.all()):
            row = int((~right_b).nonzero()[0])
            raise ValueError(f"{name}[{row}] = {float(value_b[row]):g}: must be {said.get(name, 'a finite number')}")
    row = int((~round_b).nonzero()[0])
    raise ValueError(
        f"g1[{row}], g2[{row}] = {float(g1[row]):g}, {float(g2[row]):g}: |g| = "
        f"{math.hypot(float(g1[row]), float(g2[row])):g} must be below 1"
    )


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """Constants of one stamp size: nodes, weights, and cosines at the pixels of half a side."""

    k_k: Tensor
    squares_3m: Tensor
    """k², kx² − ky² and 2 kx ky over the signs of ky and all pairs of nodes, flattened."""
    ln_k_m: Tensor
    weight_kk: Tensor
    cos_xk: Tensor
    sin_xk: Tensor


def _reach(fwhm_b: Tensor, camera: Camera) -> float:
    """Where the axis of k ends, in cycles a pixel, in steps of a half so that few grids are ever made."""
    if fwhm_b.numel() == 0:
        return 1.0
    narrowest = float(fwhm_b.detach().min()) * camera.psf_scale
    return max(1.0, math.ceil(moffat_reach(camera.beta, _LEAST_PSF) / (math.pi * narrowest)) / 2)


@cache
def _grid(size: int, reach: float, dtype: torch.dtype, device: torch.device) -> _Grid:
    with torch.inference_mode(mode=False):  # a grid first made in inference must serve training later
        widest = 1 / (size / 2 + _MARGIN)
        t = torch.arange(math.ceil(reach / widest) + 8 * int(_GROWTH), dtype=torch.float64) + 0.5
        # k(t) is odd and smooth, so the midpoint rule in t has no error but the repetition of the image.
        k = widest * t - (widest - _FINEST) * _GROWTH * torch.tanh(t / _GROWTH)
        spacing = widest - (widest - _FINEST) / torch.cosh(t / _GROWTH) ** 2
        inside = k < reach
        k, spacing = 2 * math.pi * k[inside], 2 * math.pi * spacing[inside]
        kx, ky = k[:, None], torch.stack([k, -k])[:, None, :]
        squares = torch.stack([kx**2 + ky**2, (kx**2 - ky**2).expand(2, -1, -1), 2 * kx * ky])
        pixel = torch.sinc(k / (2 * math.pi)) * spacing
        x = torch.arange(-(-size // 2), dtype=torch.float64) + (0.5 if size % 2 == 0 else 0.0)
        constants = {
            "k_k": k,
            "squares_3m": squares.flatten(1),
            "ln_k_m": 0.5 * squares[0, 0].log().flatten(),
            "weight_kk": torch.outer(pixel, pixel) / (2 * math.pi**2),
            "cos_xk": torch.cos(torch.outer(x, k)),
            "sin_xk": torch.sin(torch.outer(x, k)),
        }
        return _Grid(**{name: value.to(device=device, dtype=dtype) for name, value in constants.items()})


def _draw(parameters: Mapping[str, Tensor], camera: Camera, reach: float) -> Tensor:
    flux, n, radius, g1, g2, fwhm = (parameters[name] for name in (*SHAPE, "fwhm"))
    dtype, device = flux.dtype, flux.device
    grid = _grid(camera.size, reach, dtype, device)
    nodes = len(grid.k_k)
    # |k'|² of the sheared axes: k² (1 + g²) + 2 g1 (kx² − ky²) + 4 g2 kx ky over 1 − g² (Bernstein & Jarvis 2002, §2).
    shear = g1**2 + g2**2
    stretch_b3 = torch.stack([1 + shear, 2 * g1, 2 * g2], dim=1) * (radius**2 / (1 - shear))[:, None]
    ln_k_bm = 0.5 * (stretch_b3 @ (grid.squares_3m / camera.pixel_scale**2)).log()
    galaxy_bm = interpolate(sersic_coefficients(sersic_table(dtype, device), n), ln_k_bm)
    ln_scale_b = (fwhm * camera.psf_scale).log()
    psf_bm = interpolate(moffat_table(camera.beta, dtype, device), grid.ln_k_m + ln_scale_b[:, None])
    weight_bkk = psf_bm.unflatten(1, (nodes, nodes)) * (grid.weight_kk * flux[:, None, None])
    galaxy_bskk = galaxy_bm.unflatten(1, (2, nodes, nodes))
    if "dx" not in parameters:
        return _even_image(galaxy_bskk, weight_bkk, grid, camera.size)
    dx, dy = (parameters[name][:, None, None] * grid.k_k for name in CENTROID)
    phase_bskk = torch.stack([dx.mT + dy, dx.mT - dy], dim=1)
    return _even_image(galaxy_bskk * phase_bskk.cos(), weight_bkk, grid, camera.size) + _odd_image(
        galaxy_bskk * phase_bskk.sin(), weight_bkk, grid, camera.size
    )


def _even_image(spectrum_bskk: Tensor, weight_bkk: Tensor, grid: _Grid, size: int) -> Tensor:
    """Σ S cos(kx x + ky y): the part of an image that its half turn leaves as it is."""
    plus, minus = spectrum_bskk.unbind(1)
    cosines = grid.cos_xk @ ((plus + minus) * weight_bkk) @ grid.cos_xk.T
    sines = grid.sin_xk @ ((plus - minus) * weight_bkk) @ grid.sin_xk.T
    return _unfold(cosines - sines, cosines + sines, size, 1)


def _odd_image(spectrum_bskk: Tensor, weight_bkk: Tensor, grid: _Grid, size: int) -> Tensor:
    """Σ S sin(kx x + ky y): the part that its half turn changes the sign of."""
    plus, minus = spectrum_bskk.unbind(1)
    along_x = grid.sin_xk @ ((plus + minus) * weight_bkk) @ grid.cos_xk.T
    along_y = grid.cos_xk @ ((plus - minus) * weight_bkk) @ grid.sin_xk.T
    return _unfold(along_x + along_y, along_x - along_y, size, -1)


def _unfold(above_bxx: Tensor, below_bxx: Tensor, size: int, sign: int) -> Tensor:
    """The stamp from its quadrants at x > 0, y > 0 and at x > 0, y < 0."""
    half = size // 2  # an odd stamp has a middle row and column, which must not come twice
    right = torch.cat([below_bxx.flip(2)[..., :half], above_bxx], dim=2)
    left = right.flip(1, 2)[:, :half]
    return torch.cat([left if sign > 0 else -left, right], dim=1).mT
