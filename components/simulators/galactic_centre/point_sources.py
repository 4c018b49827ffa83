"""Where the point sources lie and how bright they are: laws cut off at the edges of the field, drawn without rejection.

    sources = draw_sources(CentreLaw(settings), seed_b, count_b, settings.source_flux, stream=2)
    sources.flux_map(len(seed_b), settings)                # counts, shape (b, size, size)

A law that is cut off is its inverse distribution on what is left of it: one number in, one place out. What has no
closed form is tabulated (`_Table`).
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy import integrate, special

from components.fields import Counts, Seeds, rounded, uneven_normals, uneven_numbers
from components.simulators.galactic_centre.prior import Array, GalacticCentreSettings, SourceFlux

__label__ = "galactic_centre_sources"

_NODES = 4096
_FINE = 16
"""Nodes of an integral for each node of the table made of it."""
_WITHIN = 24
"""Places along each side of a pixel, for integrals over it."""
_PLACE_DECIMALS = 5
"""Of degrees: the edges of pixels of 15/32° are such numbers, and no two machines differ about a source's pixel."""
_FLUX_DECIMALS = 4


class _Table:
    """A function on an even grid from 0 to `end`, linear between its nodes: its `_NODES`² leave errors of 1e-7."""

    def __init__(self, value_n: Array, end: float = 1.0) -> None:
        self._value_n, self._by = np.append(value_n, value_n[-1]), (len(value_n) - 1) / end

    def __call__(self, at: Array) -> Array:
        place = at * self._by
        node = place.astype(np.int64)
        low = self._value_n[node]
        found: Array = low + (place - node) * (self._value_n[node + 1] - low)
        return found


def _inverse(at_n: Array, share_n: Array) -> _Table:
    """The inverse of a distribution that is known at places, up to a factor."""
    return _Table(np.interp(np.linspace(0, 1, _NODES + 1), share_n / share_n[-1], at_n))


def _as_shares(weight: Array) -> Array:
    share: Array = weight / weight.sum()
    return share


class Law(Protocol):
    """Where sources lie."""

    def places(self, first_n: Array, second_n: Array) -> tuple[Array, Array]:
        """X and Y that two numbers between 0 and 1 stand for, degrees."""

    def shares(self) -> Array:
        """Of all sources in the field, those in each pixel, shape (size, size)."""


class CentreLaw:
    """Gamma distributed radii in any direction, within a square.

    The direction is as likely as the square is deep in it, by symmetry in one of eight octants; the radius follows the
    gamma law up to there.
    """

    def __init__(self, settings: GalacticCentreSettings) -> None:
        law, width = settings.centre_sources, settings.half_width
        angle_n = np.linspace(0, np.pi / 4, _FINE * _NODES + 1)

        def share_of(angle: Array) -> Array:
            """Of the gamma law, what lies within the square."""
            share: Array = special.gammainc(law.shape, width / np.cos(angle) / law.scale)
            return share

        self._angle = _inverse(angle_n, integrate.cumulative_simpson(share_of(angle_n), x=angle_n, initial=0))
        self._share = _Table(share_of(self._angle(np.linspace(0, 1, _NODES + 1))))
        # Near the centre radii grow as a power of the distribution, which no straight line follows: as its square.
        self._power = 1 / (2 * law.shape)
        last = special.gammainc(law.shape, width * 2**0.5 / law.scale) ** self._power
        root_n = np.linspace(0, last, _NODES + 1)
        self._radius = _Table(law.scale * special.gammaincinv(law.shape, root_n ** (1 / self._power)), last)
        self._width, self._settings = width, settings

    def places(self, first_n: Array, second_n: Array) -> tuple[Array, Array]:
        """X and Y that two numbers between 0 and 1 stand for, degrees."""
        octant_n = np.floor(8 * first_n)
        within_n = 8 * first_n - octant_n
        angle_n = self._angle(within_n)
        radius_n = self._radius((second_n * self._share(within_n)) ** self._power)
        # A table's error may lead over the edge.
        long_n, short_n = np.minimum(radius_n * np.cos(angle_n), self._width), radius_n * np.sin(angle_n)
        which_n = octant_n.astype(np.int64)
        swapped_n = which_n & 1 == 1
        x_n, y_n = np.where(swapped_n, short_n, long_n), np.where(swapped_n, long_n, short_n)
        return np.where(which_n & 2, -x_n, x_n), np.where(which_n & 4, -y_n, y_n)

    def shares(self) -> Array:
        """See `Law`; a pixel's integral is a sum over `_WITHIN`² places of a density that is infinite in the centre."""
        law, size = self._settings.centre_sources, self._settings.size
        place_n = ((np.arange(size * _WITHIN) + 0.5) / (size * _WITHIN) * 2 - 1) * self._width
        radius = np.hypot(place_n[:, None], place_n)
        density = radius ** (law.shape - 2) * np.exp(-radius / law.scale)
        return _as_shares(density.reshape(size, _WITHIN, size, _WITHIN).sum(axis=(1, 3)))


class DiskLaw:
    """A disk seen edge on: X = R cos φ with exponential R and any φ, and exponential heights, within a square.

    The density of X is K₀(|X| / length) / (π length), K₀ the modified Bessel function.
    """

    def __init__(self, settings: GalacticCentreSettings) -> None:
        law, width = settings.disk_sources, settings.half_width
        x_n = width * np.linspace(0, 1, _FINE * _NODES + 1)
        # Infinite in the centre, but so slowly that nodes there are a hundredth of a pixel apart.
        along_n = special.iti0k0(x_n / law.length)[1]
        self._x = _inverse(x_n, along_n)
        self.mass = float(along_n[-1] * -special.expm1(-width / law.height))
        """Within the square, up to a factor."""
        self._height, self._lost, self._settings = law.height, special.expm1(-width / law.height), settings

    def places(self, first_n: Array, second_n: Array) -> tuple[Array, Array]:
        """X and Y that two numbers between 0 and 1 stand for, degrees."""
        right_n, up_n = 2 * first_n - 1, 2 * second_n - 1
        x_n = np.copysign(self._x(np.abs(right_n)), right_n)
        return x_n, np.copysign(-self._height * np.log1p(self._lost * np.abs(up_n)), up_n)

    def shares(self) -> Array:
        """See `Law`."""
        law, width = self._settings.disk_sources, self._settings.half_width
        edge_n = np.linspace(-width, width, self._settings.size + 1)
        along = np.copysign(special.iti0k0(np.abs(edge_n) / law.length)[1], edge_n)
        across = np.copysign(special.expm1(-np.abs(edge_n) / law.height), edge_n)
        return _as_shares(np.outer(np.abs(np.diff(across)), np.diff(along)))


def mean_sources(settings: GalacticCentreSettings) -> Array:
    """Sources in each pixel on average over the prior, shape (size, size)."""
    centre, disk = (np.mean(of.count) for of in (settings.centre_sources, settings.disk_sources))
    found: Array = centre * CentreLaw(settings).shares() + disk * DiskLaw(settings).shares()
    return found


class Sources(NamedTuple):
    """Point sources of one kind in several skies, those of one sky together."""

    sky_n: np.ndarray[Any, np.dtype[np.int64]]
    """Number of the sky."""
    x_n: Array
    """Degrees."""
    y_n: Array
    flux_n: Array
    """Counts, before the PSF."""

    def flux_map(self, skies: int, settings: GalacticCentreSettings) -> Array:
        """Counts in each pixel, shape (skies, size, size)."""
        size, last = settings.size, settings.size - 1
        column_n, row_n = (
            np.minimum(((place_n + settings.half_width) / settings.pixel_scale).astype(np.int64), last)
            for place_n in (self.x_n, self.y_n)
        )
        pixel_n = (self.sky_n * size + row_n) * size + column_n
        flux: Array = np.bincount(pixel_n, self.flux_n, minlength=skies * size**2).astype(np.float64)
        return flux.reshape(skies, size, size)


def rotated_sources(sources: Sources, angle_b: Array, settings: GalacticCentreSettings) -> Sources:
    """Those of turned skies that lie in the field.

    Args:
        sources: in a square whose turned ones hold the field.
        angle_b: by which each sky is turned, radians.
        settings: the field.
    """
    cosine_n, sine_n = np.cos(angle_b)[sources.sky_n], np.sin(angle_b)[sources.sky_n]
    x_n = rounded(cosine_n * sources.x_n - sine_n * sources.y_n, _PLACE_DECIMALS)
    y_n = rounded(sine_n * sources.x_n + cosine_n * sources.y_n, _PLACE_DECIMALS)
    inside_n = np.maximum(np.abs(x_n), np.abs(y_n)) <= settings.half_width
    return Sources(sources.sky_n[inside_n], x_n[inside_n], y_n[inside_n], sources.flux_n[inside_n])


def draw_sources(law: Law, seed_b: Seeds, count_b: Counts, flux: SourceFlux, *, stream: int) -> Sources:
    """Sources of each sky.

    Args:
        law: where they lie.
        seed_b: of each sky.
        count_b: how many each has.
        flux: how bright they are.
        stream: of random numbers, the first of three.
    """
    first_n, second_n = (uneven_numbers(seed_b, count_b, stream=stream + k) for k in range(2))
    x_n, y_n = law.places(first_n, second_n)
    flux_n = np.exp(flux.mean + flux.sd * uneven_normals(seed_b, count_b, stream=stream + 2))
    return Sources(
        sky_n=np.repeat(np.arange(len(count_b)), count_b),
        x_n=rounded(x_n, _PLACE_DECIMALS),
        y_n=rounded(y_n, _PLACE_DECIMALS),
        flux_n=rounded(flux_n, _FLUX_DECIMALS),
    )
