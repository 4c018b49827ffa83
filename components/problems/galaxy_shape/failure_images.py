"""The galaxies of the failure maps, and their images when something about them or their camera has changed.

    galaxies = FailureGalaxies(settings, count=128, seed=7)
    images = galaxies.known(psf_fwhm=0.6)                          # and a model is told so
    images = galaxies.departed(galaxies.by_galsim(beta=2.5))       # and a model is told nothing

What a model is told of is drawn by the renderer that it learned from; what it is not told of by GalSim. All have the
same galaxies, and the ordinary image of each in common.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from components.evidence import Delivery, FailureImages
from components.problems.galaxy_shape.delivery import with_sky
from components.simulators.sersic import (
    FLUX_UNIT,
    PARAMETERS,
    Array,
    ChangeDetector,
    SersicSettings,
    bound_sersics,
    draw_departed,
    draw_sersics,
    measure_snr,
    sample_prior,
)
from models.galaxies import render_rows

__label__ = "galaxy_failure_images"

_LEAST_SNR = 20.0
"""Fainter galaxies are left out, except where the SNR itself is the axis: noise would hide what goes wrong."""
_INDICES = 32
"""Distinct Sérsic indices, the middles of as many equal slices of the prior: GalSim builds a table for each, at 50 ms.
Their steps, 0.17, are a fifth of the bound of the index at SNR 60."""


class FailureGalaxies:
    """Galaxies of the prior that are bright enough.

    Args:
        settings: prior and camera.
        count: how many.
        seed: that they are drawn from.
    """

    def __init__(self, settings: SersicSettings, count: int, seed: int) -> None:
        self._settings = settings
        self.table = _galaxies(settings, count, seed)
        """`PARAMETERS`, `psf_fwhm`, `sigma` and `snr` of each."""

    @cached_property
    def ordinary(self) -> FailureImages:
        """Images that depart from nothing, though they might: of these a test finds its false alarms."""
        return self.departed(self._stamps)

    def known(self, **changed: Any) -> FailureImages:
        """Images of changed galaxies, PSFs or noise, of which a model is told.

        Args:
            changed: columns of the table.
        """
        told = self.table.assign(**changed)
        return FailureImages(stored=_stored(self._render(told), told), bound=bound_sersics(told, self._settings))

    def departed(self, stamps: Array, bound: Array | None = None) -> FailureImages:
        """Images that a model is told nothing of, and how surely the best test finds them.

        Args:
            stamps: the images as they truly are, without noise.
            bound: of these; where it is not given that of the ordinary ones, which have galaxy, noise and the FWHM of
                the PSF in common with them.
        """
        return FailureImages(
            stored=_stored(stamps, self.table),
            bound=self._bound if bound is None else bound,
            limit_power=self._detector.power(stamps - self._stamps),
        )

    def plus(self, change: Array) -> FailureImages:
        """The ordinary images with something added that a model is told nothing of."""
        return self.departed(self._stamps + change)

    def under_sky(self, level: float) -> FailureImages:
        """With so many σ left in every pixel; their noise is that of ordinary images."""
        change = np.broadcast_to(level * self.table["sigma"].to_numpy()[:, None, None], self._stamps.shape)
        return replace(self.ordinary, delivery=with_sky(level), limit_power=self._detector.power(change))

    def delivered(self, delivery: Delivery, limit_power: float) -> FailureImages:
        """The ordinary images with other noise, or another word on it.

        Args:
            delivery: what befalls them.
            limit_power: of the best test for that, the same for each image.
        """
        return replace(self.ordinary, delivery=delivery, limit_power=np.full(len(self.table), limit_power))

    def by_galsim(self, **departures: Any) -> Array:
        """The galaxies as `draw_departed` draws them, under PSFs as a model is told but for the given departures."""
        return draw_departed(self.table, self._settings, **departures)

    def with_psf_width(self, ratio: float) -> FailureImages:
        """Under PSFs that are so many times as wide as stated."""
        true = self.table.assign(psf_fwhm=self.table["psf_fwhm"] * ratio)
        return self.departed(draw_departed(true, self._settings), bound_sersics(true, self._settings))

    def with_psf_slope(self, beta: float) -> FailureImages:
        """Under PSFs of another slope, and of the stated FWHM."""
        bound = bound_sersics(self.table, replace(self._settings, psf_beta=beta))
        return self.departed(self.by_galsim(beta=beta), bound)

    def with_kolmogorov(self, share: float) -> FailureImages:
        """Under PSFs that are a mixture of the stated one and Kolmogorov's of the same FWHM, which the mixture has."""
        return self.departed((1 - share) * self._stamps + share * self._under_kolmogorov)

    def neighbours(self, offset: Array) -> Array:
        """What another galaxy of the sample, of the same flux and under the same PSF, adds to each image.

        Args:
            offset: of the neighbours from the centre, pixels, shape (2, galaxies).
        """
        own = {name: self.table[name].to_numpy() for name in ("flux", "psf_fwhm")}
        others = self.table.iloc[::-1].reset_index(drop=True).assign(**own)
        return draw_departed(others, self._settings, offset=offset)

    @cached_property
    def _stamps(self) -> Array:
        return self._render(self.table)

    @cached_property
    def _under_kolmogorov(self) -> Array:
        return self.by_galsim(kolmogorov=True)

    @cached_property
    def _bound(self) -> Array:
        return bound_sersics(self.table, self._settings)

    @cached_property
    def _detector(self) -> ChangeDetector:
        return ChangeDetector(self.table, self._settings)

    def _render(self, table: pd.DataFrame) -> Array:
        columns = torch.from_numpy(table[[*PARAMETERS, "psf_fwhm"]].to_numpy(dtype=np.float32, copy=True))
        columns[:, 0] *= FLUX_UNIT
        stamps: Array = render_rows(columns[:, :-1], columns[:, -1], self._settings.camera).numpy()
        return stamps


def _stored(stamps: Array, told: pd.DataFrame) -> dict[str, np.ndarray[Any, Any]]:
    names = (*PARAMETERS, "sigma", "psf_fwhm")
    return {"stamp": stamps, **{name: told[name].to_numpy(dtype=np.float64) for name in names}}


def _galaxies(settings: SersicSettings, count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 0])
    least = max(_LEAST_SNR, settings.snr[0]) if settings.snr[1] > 1.5 * _LEAST_SNR else settings.snr[0]
    low, high = settings.n
    found = pd.DataFrame()
    while len(found) < count:
        candidates = sample_prior(settings, rng, 2 * count)
        if high > low:
            slices = np.floor((candidates["n"] - low) / (high - low) * _INDICES).clip(0, _INDICES - 1)
            candidates["n"] = low + (high - low) * (slices + 0.5) / _INDICES
        candidates["snr"] = measure_snr(draw_sersics(candidates, settings), candidates["sigma"].to_numpy())
        found = pd.concat([found, candidates[candidates["snr"].between(least, settings.snr[1])]], ignore_index=True)
    return found.iloc[:count].reset_index(drop=True)
