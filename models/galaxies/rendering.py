"""Galaxies: sheared Sérsic profiles seen through round Moffat PSFs and square pixels, drawn in batches.

    image_bhw = render(flux, n, half_light_radius, g1, g2, fwhm)                  # each a tensor of length b
    image_bhw, derivative_bphw = render_with_derivatives(parameters_bp, fwhm_b, Camera())

The image is the inverse Fourier transform of galaxy × PSF × pixel, summed directly at the pixels' centres: a product of
small matrices. Wave vectors lie close together at small k, where the wings are, and wide apart at large k, where only
the core is left (k_grid.py). Power beyond the Nyquist frequency is folded back by the sum itself, which runs over all k
that PSF and pixel let pass. Errors stay below 5e-5 of the peak, for galaxies far off the centre below
1e-4; benchmarks/renderer.py measures them.

Everything is a plain torch operation, differentiable in every parameter in forward and reverse mode, in float32 or
float64, on any device.

Legend of the shape suffixes: b batch, h height, w width, p parameters, k nodes of an axis, s sign of ky, x half of a
stamp's side.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from models.galaxies.k_grid import Axis, Grid, group_by_axis, make_grid
from models.galaxies.parameters import CENTROID, SHAPE, Camera, check_parameters
from models.galaxies.tables import (
    interpolate,
    interpolate_with_slope,
    moffat_table,
    sersic_coefficients,
    sersic_coefficients_by_n,
    sersic_table,
)

__label__ = "sersic"

_CHUNK = {"cpu": 64, "cuda": 2048}
"""Galaxies drawn at a time: what fills the caches of a core (20 MB with temporaries), or a GPU (1 GB)."""


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
        dx: from the centre of the stamp to that of the galaxy, along a row; pixels, at most the size of the stamp. Both
            zero is drawn fastest.
        dy: the same along a column.

    Returns:
        Shape (b, size, size), in the parameters' dtype and on their device.

    Raises:
        ValueError: naming the parameter, its value and its range.
    """
    camera = Camera(size=size, pixel_scale=pixel_scale, beta=beta)
    parameters = {"flux": flux, "n": n, "half_light_radius": half_light_radius, "g1": g1, "g2": g2, "fwhm": fwhm}
    if isinstance(dx, Tensor) or isinstance(dy, Tensor) or dx != 0 or dy != 0:
        for name, offset in (("dx", dx), ("dy", dy)):
            parameters[name] = offset if isinstance(offset, Tensor) else torch.full_like(flux, offset)
    check_parameters(parameters, camera)
    return _in_groups(lambda part, axis: (_draw(part, camera, axis),), parameters, camera)[0]


def render_rows(parameters_bp: Tensor, fwhm_b: Tensor, camera: Camera) -> Tensor:
    """`render` of centred galaxies whose parameters are the columns of one tensor, in the order of `SHAPE`."""
    parameters = {**dict(zip(SHAPE, parameters_bp.unbind(1), strict=True)), "fwhm": fwhm_b}
    check_parameters(parameters, camera)
    return _in_groups(lambda part, axis: (_draw(part, camera, axis),), parameters, camera)[0]


def render_with_derivatives(
    parameters_bp: Tensor, fwhm_b: Tensor, camera: Camera, names: Sequence[str] = SHAPE
) -> tuple[Tensor, Tensor]:
    """Images of centred galaxies and their exact derivatives, both from one pass over the grid.

    This is forward-mode differentiation written out: five times as fast as `torch.func.jvp` of `render`, to which the
    tests hold it.

    Args:
        parameters_bp: columns as in `SHAPE`, valid as `render` says; they are not checked here.
        fwhm_b: FWHM of the PSF, arcseconds.
        camera: size, pixel scale and PSF slope.
        names: what to differentiate by: `SHAPE`, or `SHAPE` and `CENTROID`.

    Returns:
        image_bhw, and derivative_bphw by each of `names`.
    """
    parameters = {**dict(zip(SHAPE, parameters_bp.unbind(1), strict=True)), "fwhm": fwhm_b}
    image_bhw, derivative_bphw = _in_groups(
        lambda part, axis: _differentiate(part, camera, axis, len(names) > len(SHAPE)), parameters, camera
    )
    return image_bhw, derivative_bphw


def _in_groups(
    draw: Callable[[Mapping[str, Tensor], Axis], tuple[Tensor, ...]], parameters: Mapping[str, Tensor], camera: Camera
) -> list[Tensor]:
    """Draw galaxies of one axis together, a chunk at a time, and put the results back into their order."""
    count, device = len(parameters["flux"]), parameters["flux"].device
    groups = group_by_axis(parameters, camera)
    chunks: list[tuple[Tensor, ...]] = []
    for axis, rows in groups:
        group = parameters if rows is None else {name: value[rows] for name, value in parameters.items()}
        parts = zip(*(torch.split(value, _CHUNK.get(device.type, 64)) for value in group.values()), strict=True)
        chunks += [draw(dict(zip(group, part, strict=True)), axis) for part in parts]
    results = [torch.cat(parts) for parts in zip(*chunks, strict=True)]
    if len(groups) == 1:
        return results
    order = torch.empty(count, dtype=torch.long, device=device)
    order[torch.cat([rows for _, rows in groups if rows is not None])] = torch.arange(count, device=device)
    return [result[order] for result in results]


def _draw(parameters: Mapping[str, Tensor], camera: Camera, axis: Axis) -> Tensor:
    flux, n = parameters["flux"], parameters["n"]
    grid = make_grid(camera.size, axis, flux.dtype, flux.device)
    stretch_b3, _ = _stretch(parameters)
    q_bm = stretch_b3 @ (grid.squares_3m / camera.pixel_scale**2)
    galaxy_bm = interpolate(sersic_coefficients(sersic_table(flux.dtype, flux.device), n), q_bm)
    weight_bkk = flux[:, None, None] * _psf_and_pixel(parameters["fwhm"], camera, grid)
    galaxy_bskk = galaxy_bm.view(-1, 2, *weight_bkk.shape[1:])
    if "dx" not in parameters:
        return _even_image(galaxy_bskk, weight_bkk, grid, camera.size)
    dx, dy = (parameters[name][:, None, None] * grid.k_k for name in CENTROID)
    phase_bskk = torch.stack([dx.mT + dy, dx.mT - dy], dim=1)
    even_bhw = _even_image(galaxy_bskk * phase_bskk.cos(), weight_bkk, grid, camera.size)
    return even_bhw + _odd_image(galaxy_bskk * phase_bskk.sin(), weight_bkk, grid, camera.size)


def _differentiate(
    parameters: Mapping[str, Tensor], camera: Camera, axis: Axis, by_centroid: bool
) -> tuple[Tensor, Tensor]:
    """The same for a centred galaxy, with its derivatives by `SHAPE`, and by `CENTROID` where asked for."""
    flux, n = parameters["flux"], parameters["n"]
    grid = make_grid(camera.size, axis, flux.dtype, flux.device)
    squares_3m = grid.squares_3m / camera.pixel_scale**2
    stretch_b3, stretch_by_shear_gb3 = _stretch(parameters)
    q_bm = stretch_b3 @ squares_3m
    table_ck = sersic_table(flux.dtype, flux.device)
    galaxy_bm, slope_bm = interpolate_with_slope(sersic_coefficients(table_ck, n), q_bm)
    spectra_pbm = [
        galaxy_bm,
        interpolate(sersic_coefficients_by_n(table_ck, n), q_bm),
        slope_bm * q_bm * (2 / parameters["half_light_radius"])[:, None],
        *(slope_bm * (by_shear_b3 @ squares_3m) for by_shear_b3 in stretch_by_shear_gb3),
    ]
    weight_bkk = _psf_and_pixel(parameters["fwhm"], camera, grid)
    galaxy_bskk, *others = (spectrum_bm.view(-1, 2, *weight_bkk.shape[1:]) for spectrum_bm in spectra_pbm)
    unit_bhw = _even_image(galaxy_bskk, weight_bkk, grid, camera.size)
    flux_b11 = flux[:, None, None]
    weight_bkk = flux_b11 * weight_bkk
    images = [unit_bhw, *(_even_image(other_bskk, weight_bkk, grid, camera.size) for other_bskk in others)]
    if by_centroid:
        k_kk = grid.k_k.expand(len(grid.k_k), -1)
        for kx_ky in (torch.stack([k_kk.T, k_kk.T]), torch.stack([k_kk, -k_kk])):
            images.append(_odd_image(galaxy_bskk * kx_ky, weight_bkk, grid, camera.size))
    return flux_b11 * unit_bhw, torch.stack(images, dim=1)


def _stretch(parameters: Mapping[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """What makes q = |k'|² r², k' in the frame where the galaxy is round, of k², kx² − ky² and 2 kx ky, in arcsec².

    (1 + g²) k² + 2 g1 (kx² − ky²) + 4 g2 kx ky, over 1 − g², times r² (from the shear matrix of Bernstein & Jarvis
    2002, eq. 2-7). Its derivatives by g1 and g2 come second.
    """
    radius, g1, g2 = (parameters[name] for name in ("half_light_radius", "g1", "g2"))
    scale_b1 = (radius**2 / (1 - g1**2 - g2**2))[:, None]
    stretch_b3 = scale_b1 * torch.stack([1 + g1**2 + g2**2, 2 * g1, 2 * g2], dim=1)
    zero, two = torch.zeros_like(g1), torch.full_like(g1, 2)
    by_shear = [
        scale_b1 * (torch.stack(direct, dim=1) + 2 * (g / radius**2)[:, None] * stretch_b3)
        for g, direct in ((g1, [2 * g1, two, zero]), (g2, [2 * g2, zero, two]))
    ]
    return stretch_b3, by_shear


def _psf_and_pixel(fwhm_b: Tensor, camera: Camera, grid: Grid) -> Tensor:
    """Transform of PSF and pixel times the weight of each wave vector, shape (b, k, k)."""
    square_m = grid.squares_3m[0, : grid.weight_kk.numel()]
    q_bm = ((fwhm_b * camera.psf_scale) ** 2)[:, None] * square_m
    psf_bm = interpolate(moffat_table(camera.beta, fwhm_b.dtype, fwhm_b.device), q_bm)
    return psf_bm.view(-1, *grid.weight_kk.shape) * grid.weight_kk


def _even_image(spectrum_bskk: Tensor, weight_bkk: Tensor, grid: Grid, size: int) -> Tensor:
    """Σ S cos(kx x + ky y): the part of an image that its half turn leaves as it is."""
    plus, minus = spectrum_bskk.unbind(1)
    cosines = grid.cos_xk @ ((plus + minus) * weight_bkk) @ grid.cos_xk.T
    sines = grid.sin_xk @ ((plus - minus) * weight_bkk) @ grid.sin_xk.T
    return _unfold(cosines - sines, cosines + sines, size, 1)


def _odd_image(spectrum_bskk: Tensor, weight_bkk: Tensor, grid: Grid, size: int) -> Tensor:
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
