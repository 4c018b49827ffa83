"""How images of galaxies may depart from what a network was trained on: the axes of its failure maps.

    axes = failure_axes(settings, galaxies=256, seed=7)

Noise level, SNR and the known PSF are told to a model; all that follows is not. `failure_images.py` draws the images.
"""

from collections.abc import Callable

import numpy as np

from components.core import Remembered
from components.evidence import FailureAxis, FailureImages
from components.problems.galaxy_shape.delivery import correlated, correlated_spectrum, misstated, zeroed
from components.problems.galaxy_shape.failure_images import FailureGalaxies
from components.simulators.sersic import (
    PARAMETERS,
    Array,
    SersicSettings,
    power_of_correlated_noise,
    power_of_misstated_noise,
    power_of_zeroed_pixels,
)

__label__ = "galaxy_failures"

_WITHIN = 0.1
"""Of the prior's range of fluxes, that those of the axes of SNR and noise stay away from its ends."""
_APART = 8.0
"""Pixels to a neighbour of varied flux: 2.5 times the FWHM of the mean PSF."""

_Draw = Callable[[float], FailureImages]


def failure_axes(settings: SersicSettings, galaxies: int, seed: int) -> list[FailureAxis]:
    """What is told (noise, SNR, PSF), the PSF, what lies in the stamp, and the noise.

    Args:
        settings: prior and camera.
        galaxies: how many are measured at each value.
        seed: of the galaxies, the same at every value and on every axis.
    """
    drawn = FailureGalaxies(settings, galaxies, seed)
    return [
        *_told(settings, drawn),
        *_of_psf(settings, drawn, _directions(galaxies, seed, 2)),
        *_of_scene(drawn, _directions(galaxies, seed, 1)),
        *_of_noise(settings, drawn),
    ]


def _told(settings: SersicSettings, drawn: FailureGalaxies) -> list[FailureAxis]:
    flux, snr, sigma = (drawn.table[name].to_numpy() for name in ("flux", "snr", "sigma"))
    low, high = settings.sigma
    away = _WITHIN * (settings.flux[1] - settings.flux[0])
    least, most = settings.flux[0] + away, settings.flux[1] - away

    def at_snr(value: float) -> FailureImages:
        """Fluxes well within the prior, and noise for the rest."""
        chosen = np.clip(flux * value / snr, least, most)
        return drawn.known(flux=chosen, sigma=sigma * chosen / flux * snr / value)

    def at_sigma(value: float) -> FailureImages:
        """Each galaxy at its SNR, and at one that leaves its flux within the prior for all noise levels of that."""
        return drawn.known(flux=np.clip(flux / sigma, least / low, most / high) * value, sigma=value)

    return [
        # The galaxies keep their SNR: their flux grows with the noise.
        FailureAxis(name="sigma", label="noise σ [counts]", case="noise of σ = {:g} counts".format,
                    values=(50, 100, 200, 300, 400, 800, 1600), trained=(low, high), draw=at_sigma),
        # Not at the ends of the prior, where all truths lie on one side, and posteriors rightly lean to it.
        FailureAxis(name="snr", label="SNR", case="an SNR of {:g}".format,
                    values=(5, 12, 20, 40, 60, 97, 200, 400), trained=settings.snr, draw=at_snr),
        FailureAxis(name="psf_fwhm", label='FWHM of the PSF, known ["]', case='a known PSF of FWHM {:g}"'.format,
                    values=(0.35, 0.42, 0.5, 0.6, 0.75, 0.9, 1.0, 1.2, 1.5), trained=settings.psf_fwhm,
                    draw=lambda value: drawn.known(psf_fwhm=value)),
    ]  # fmt: skip


def _of_psf(settings: SersicSettings, drawn: FailureGalaxies, along: Array) -> list[FailureAxis]:
    beta = settings.psf_beta
    return [
        _departing("psf_fwhm_error", "FWHM of the PSF / stated FWHM", "a PSF {:g} times as wide as stated".format,
                   (0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2), 1.0, drawn, drawn.with_psf_width),
        _departing("psf_beta", "slope β of the PSF", "a PSF of slope β = {:g}".format,
                   (1.5, 1.75, 1.9, 2.0, 2.1, 2.5, 3.5, 5.0), beta, drawn, drawn.with_psf_slope),
        _departing("psf_kolmogorov", "share of a Kolmogorov PSF",
                   lambda value: f"a PSF that is Kolmogorov's to {100 * value:g} %",
                   (0, 0.1, 0.2, 0.4, 0.7, 1.0), 0, drawn, drawn.with_kolmogorov),
        _departing("psf_ellipticity", "ellipticity of the PSF, |g|", "a PSF of ellipticity {:g}".format,
                   (0, 0.01, 0.02, 0.03, 0.05, 0.1), 0, drawn,
                   lambda value: drawn.departed(drawn.by_galsim(psf_shear=value * along))),
    ]  # fmt: skip


def _of_scene(drawn: FailureGalaxies, along: Array) -> list[FailureAxis]:
    beside = Remembered(lambda: drawn.neighbours(_APART * along))
    return [
        _departing("centroid_offset", "offset of the centroid [pixels]", "an offset of {:g} px".format,
                   (0, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0), 0, drawn,
                   lambda value: drawn.departed(drawn.by_galsim(offset=value * along))),
        _departing("neighbour_flux", f"flux of a neighbour, {_APART:g} pixels away",
                   f"a neighbour of {{:g}} of the flux {_APART:g} pixels away".format,
                   (0, 0.01, 0.03, 0.1, 0.3, 1.0), 0, drawn,
                   lambda value: drawn.plus(value * beside())),
        _departing("neighbour_nearness", "1 / distance of a neighbour [1/pixel]",
                   lambda value: f"a neighbour {1 / value:.0f} pixels away" if value else "no neighbour",
                   (0, 1 / 40, 1 / 30, 1 / 20, 1 / 10, 1 / 5), 0, drawn,
                   lambda value: drawn.plus(drawn.neighbours(along / value))),
        _departing("sky", "sky left in the image [σ a pixel]", lambda value: f"a sky of {value:+g} σ".replace("-", "−"),
                   (-0.2, -0.1, -0.05, -0.02, 0, 0.02, 0.05, 0.1, 0.2, 0.5), 0, drawn, drawn.under_sky),
    ]  # fmt: skip


def _of_noise(settings: SersicSettings, drawn: FailureGalaxies) -> list[FailureAxis]:
    pixels = settings.size**2

    def at_correlation(value: float) -> FailureImages:
        power = power_of_correlated_noise(correlated_spectrum(value, settings.size))
        return drawn.delivered(correlated(value, settings), power)

    def at_stated(value: float) -> FailureImages:
        return drawn.delivered(misstated(value), power_of_misstated_noise(value, pixels - len(PARAMETERS)))

    return [
        _departing("noise_correlation", "noise correlation of next pixels",
                   "noise with a correlation of {:g} between next pixels".format,
                   (0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5), 0, drawn, at_correlation),
        _departing("sigma_error", "stated σ / true σ", "a σ stated as {:g} times the true one".format,
                   (0.5, 0.7, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.4, 2.0), 1.0, drawn, at_stated),
        _departing("masked_share", "share of pixels set to zero",
                   lambda value: f"zeroing {100 * value:g} % of the pixels",
                   (0, 0.001, 0.003, 0.01, 0.03, 0.1), 0, drawn,
                   lambda value: drawn.delivered(zeroed(value), power_of_zeroed_pixels(value, pixels))),
    ]  # fmt: skip


def _departing(name: str, label: str, case: Callable[[float], str], values: tuple[float, ...], trained: float,
               drawn: FailureGalaxies, draw: _Draw) -> FailureAxis:  # fmt: skip
    """An axis that a model is told nothing of: where it was trained the images are the ordinary ones."""
    return FailureAxis(
        name=name, label=label, case=case, values=values, trained=(trained, trained),
        draw=lambda value: drawn.ordinary if value == trained else draw(value),
    )  # fmt: skip


def _directions(count: int, seed: int, stream: int) -> Array:
    """A direction in the plane for each galaxy, at random, shape (2, count)."""
    angle = np.random.default_rng([seed, stream]).uniform(0, 2 * np.pi, count)
    return np.stack([np.cos(angle), np.sin(angle)])
