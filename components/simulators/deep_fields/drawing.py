"""Draw fields of galaxies: disks with logarithmic arms around red bulges, stars, PSF, noise, and a picture's stretch.

    catalogue, picture_bchw = draw_fields(settings, drawing_seeds(settings, "train", range(64)))

The same bytes on every machine. Shape suffixes: b pictures, c bands (red, green, blue), h rows, w columns, n objects of
a picture.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage, stats

from components.fields import Seeds, random_numbers, rounded, uneven_normals, uneven_numbers
from components.simulators.deep_fields.settings import DeepFieldSettings

__label__ = "deep_fields"

_OF_FIELD, _OF_GALAXIES, _OF_STARS, _OF_NOISE = range(4)
"""Streams of random numbers."""
_AREA = 10_000
_SLOPE = 1.5
"""Numbers above a flux fall by this power of it, as those of stars in a Universe that is everywhere alike."""
_BULGE = 0.4
"""Of a galaxy's light in its bulge, at most."""
_BULGE_RADIUS = 0.25
"""Of the disk's half-light radius."""
_COLOUR = 0.35
"""Standard deviation of the logarithm of one band's flux over the next one's."""
_REDDER = 0.5
"""By which bulges are redder than disks, in that logarithm."""
_ARMS, _CONTRAST, _PITCH = (2, 4), 0.8, (10.0, 30.0)
"""Number of arms, their largest contrast, and the angle between them and circles, degrees."""
_FLATTEST = 0.25
"""Axis ratio of a disk, at least."""
_FWHM = 2.3548
"""Of a Gaussian over its standard deviation."""
_LEVELS = 255
_PER_GALAXY, _PER_STAR = 13, 4

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Pictures = np.ndarray[Any, np.dtype[np.float32]]


class Galaxies(NamedTuple):
    """Those of one picture, shape (n,) each; lengths in pixels, angles in radians."""

    x: Numbers
    y: Numbers
    flux: Numbers
    half_light_radius: Numbers
    axis_ratio: Numbers
    angle: Numbers
    bulge: Numbers
    """Share of the light."""
    colour: Numbers
    arms: Numbers
    contrast: Numbers
    winding: Numbers
    """Radians that arms turn by while the radius grows by e, with the sign of their handedness."""
    phase: Numbers


def draw_fields(settings: DeepFieldSettings, seed_b: Seeds) -> tuple[pd.DataFrame, Pictures]:
    """One picture for each seed.

    Args:
        settings: what fields are like.
        seed_b: shape (b,).

    Returns:
        Columns `galaxies` and `stars` (how many there are), and pictures of values from 0 to 1, shape (b, 3, h, w).
    """
    pixels = settings.height * settings.width
    chance_b2 = random_numbers(seed_b, 2, stream=_OF_FIELD)
    galaxies_b, stars_b = (
        stats.poisson.ppf(chance_b2[:, column], density * pixels / _AREA).astype(np.int64)
        for column, density in enumerate((settings.galaxies, settings.stars))
    )
    of_galaxies, of_stars = (
        np.split(uneven_numbers(seed_b, per * count_b, stream=stream), np.cumsum(per * count_b)[:-1])
        for per, count_b, stream in ((_PER_GALAXY, galaxies_b, _OF_GALAXIES), (_PER_STAR, stars_b, _OF_STARS))
    )
    noise_bchw = uneven_normals(seed_b, np.full(len(seed_b), 3 * pixels), stream=_OF_NOISE)
    noise_bchw = noise_bchw.reshape(-1, 3, settings.height, settings.width)
    picture_bchw = np.empty(noise_bchw.shape, dtype=np.float32)
    for row, noise_chw in enumerate(noise_bchw):
        light_chw = _light(settings, of_galaxies[row].reshape(-1, _PER_GALAXY), of_stars[row].reshape(-1, _PER_STAR))
        picture_bchw[row] = _stretched(light_chw + noise_chw, settings)
    return pd.DataFrame({"galaxies": galaxies_b, "stars": stars_b}), picture_bchw


def _light(settings: DeepFieldSettings, of_galaxies: Numbers, of_stars: Numbers) -> Numbers:
    """What is expected of each band, after the PSF, shape (c, h, w)."""
    light_chw = np.zeros((3, settings.height, settings.width))
    galaxies = _galaxies(settings, of_galaxies)
    for number in range(len(of_galaxies)):
        _add_galaxy(light_chw, Galaxies(*(column[number] for column in galaxies)))
    for across, down, bright, colour in of_stars:
        place = int(down * settings.height), int(across * settings.width)
        light_chw[:, *place] += _flux(settings, bright) * _bands(_COLOUR * stats.norm.ppf(colour))
    blurred: Numbers = ndimage.gaussian_filter(light_chw, (0, *[settings.psf_fwhm / _FWHM] * 2), mode="constant")
    return blurred


def _galaxies(settings: DeepFieldSettings, chance: Numbers) -> Galaxies:
    """From numbers between 0 and 1, shape (n, `_PER_GALAXY`)."""
    columns = iter(chance.T)

    def between(low: float, high: float) -> Numbers:
        drawn: Numbers = low + (high - low) * next(columns)
        return drawn

    x, y, bright = between(0, settings.width), between(0, settings.height), next(columns)
    flux, (small, large) = _flux(settings, bright), settings.half_light_radius
    least, most = settings.flux
    # As bright as it is large, and then by chance.
    usual = np.log(flux / least) / np.log(most / least) if most > least else np.full_like(flux, 0.5)
    size = np.clip(usual + 0.3 * (next(columns) - 0.5), 0, 1)
    pitch, handed = np.radians(between(*_PITCH)), np.where(next(columns) < 0.5, -1.0, 1.0)
    return Galaxies(
        x=x, y=y, flux=flux, half_light_radius=small * (large / small) ** size,
        axis_ratio=between(_FLATTEST, 1), angle=between(0, np.pi), bulge=between(0, _BULGE),
        colour=_COLOUR * stats.norm.ppf(next(columns)), arms=np.floor(between(_ARMS[0], _ARMS[1] + 1)),
        contrast=between(0, _CONTRAST), winding=handed / np.tan(pitch), phase=between(0, 2 * np.pi),
    )  # fmt: skip


def _add_galaxy(light_chw: Numbers, of: Galaxies) -> None:
    """An exponential disk with arms, and a bulge after de Vaucouleurs (1948); all their light lies in the picture."""
    down_h1, right_w = np.arange(light_chw.shape[1])[:, None] + 0.5 - of.y, np.arange(light_chw.shape[2]) + 0.5 - of.x
    cosine, sine = np.cos(of.angle), np.sin(of.angle)
    along, across = cosine * right_w + sine * down_h1, (cosine * down_h1 - sine * right_w) / of.axis_ratio
    radius = np.hypot(along, across) / of.half_light_radius
    disk = np.exp(-1.678 * radius)
    turn = of.arms * (np.arctan2(across, along) - of.winding * np.log(radius + 0.1)) + of.phase
    disk *= 1 + of.contrast * np.clip(radius, 0, 1) * np.cos(turn)
    bulge = np.exp(
        -7.669 * (np.hypot(along, across * of.axis_ratio) / (_BULGE_RADIUS * of.half_light_radius) + 0.05) ** 0.25
    )
    for part, share, colour in ((disk, 1 - of.bulge, of.colour), (bulge, of.bulge, of.colour - _REDDER)):
        light_chw += (share * of.flux * _bands(colour))[:, None, None] * (part / part.sum())


def _flux(settings: DeepFieldSettings, chance: Numbers) -> Numbers:
    """By the inverse of their distribution, which ends on both sides."""
    low, high = (limit**-_SLOPE for limit in settings.flux)
    flux: Numbers = (low + (high - low) * chance) ** (-1 / _SLOPE)
    return flux


def _bands(colour: float | Numbers) -> Numbers:
    """Flux in each over that in green; the bluer, the larger the colour."""
    flux_c: Numbers = np.exp(colour * np.array([-1.0, 0.0, 1.0]))
    return flux_c


def _stretched(light_chw: Numbers, settings: DeepFieldSettings) -> Numbers:
    """Brightness as a picture shows it, in steps of 8 bits."""
    reach = np.arcsinh(settings.white / settings.stretch)
    shown_chw = np.clip(0.05 + np.arcsinh(light_chw / settings.stretch) / reach, 0, 1)
    levels: Numbers = rounded(_LEVELS * shown_chw, decimals=0) / _LEVELS
    return levels
