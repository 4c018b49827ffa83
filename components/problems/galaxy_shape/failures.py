"""How images of galaxies may depart from what a network was trained on: the axes of its failure maps.

axes = failure_axes(settings, galaxies=256, seed=7)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch

from components.evidence.numbers import FailureAxis, FailureImages
from components.simulators.sersic import (
    FLUX_UNIT,
    PARAMETERS,
    SersicSettings,
    bound_sersics,
    draw_sersics,
    measure_snr,
    sample_prior,
)
from models.galaxies import render

__label__ = "galaxy_failures"

Array = np.ndarray[Any, Any]

_WITHIN = 0.1
"""Of the prior's range of fluxes, that those of the axes of SNR and noise stay away from its ends."""
_LEAST_SNR = 20.0
"""Fainter galaxies are left out, except where the SNR itself is the axis: noise would hide what goes wrong."""


def failure_axes(settings: SersicSettings, galaxies: int, seed: int) -> list[FailureAxis]:
    """Noise, SNR, PSF, centroid and neighbours.

    Args:
        settings: prior and camera.
        galaxies: how many are measured at each value.
        seed: of the galaxies, the same at every value and on every axis.
    """
    table = _galaxies(settings, galaxies, seed)
    snr, sigma = table["snr"].to_numpy(), table["sigma"].to_numpy()
    draw = _Drawing(settings, table)
    angle = np.random.default_rng([seed, 1]).uniform(0, 2 * np.pi, galaxies)
    along = np.stack([np.cos(angle), np.sin(angle)])

    def axis(name: str, label: str, values: tuple[float, ...], trained: tuple[float, float],
             images: Callable[[float], FailureImages]) -> FailureAxis:  # fmt: skip
        return FailureAxis(name=name, label=label, values=values, trained=trained, draw=images)

    flux, (low, high) = table["flux"].to_numpy(), settings.sigma
    away = _WITHIN * (settings.flux[1] - settings.flux[0])
    least, most = settings.flux[0] + away, settings.flux[1] - away

    def at_snr(value: float) -> FailureImages:
        """Fluxes well within the prior, and noise for the rest."""
        chosen = np.clip(flux * value / snr, least, most)
        return draw(flux=chosen, sigma=sigma * chosen / flux * snr / value)

    def at_sigma(value: float) -> FailureImages:
        """Each galaxy at its SNR, and at one that leaves its flux within the prior for all noise levels of that."""
        return draw(flux=np.clip(flux / sigma, least / low, most / high) * value, sigma=value)

    return [
        # The galaxies keep their SNR: their flux grows with the noise.
        axis("sigma", "noise σ [counts]", (50, 100, 200, 300, 400, 800, 1600), (low, high), at_sigma),
        # Not at the ends of the prior, where all truths lie on one side, and posteriors rightly lean to it.
        axis("snr", "SNR", (5, 12, 20, 40, 60, 97, 200, 400), settings.snr, at_snr),
        axis("psf_fwhm", 'FWHM of the PSF, known ["]', (0.35, 0.42, 0.5, 0.6, 0.75, 0.9, 1.0, 1.2, 1.5),
             settings.psf_fwhm, lambda value: draw(psf_fwhm=value)),
        axis("psf_fwhm_error", "FWHM of the PSF / stated FWHM", (0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2),
             (1.0, 1.0), lambda value: draw(true_fwhm=table["psf_fwhm"] * value)),
        axis("psf_beta", "slope β of the PSF", (1.5, 1.75, 1.9, 2.0, 2.1, 2.5, 3.5, 5.0),
             (settings.psf_beta, settings.psf_beta), lambda value: draw(beta=value)),
        axis("centroid_offset", "offset of the centroid [pixels]", (0, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0), (0, 0),
             lambda value: draw(offset=value * along)),
        axis("neighbour_flux", "flux of a neighbour, 8 pixels away", (0, 0.01, 0.03, 0.1, 0.3, 1.0),
             (0, 0), lambda value: draw(neighbour=value, apart=8 * along)),
        axis("neighbour_nearness", "1 / distance of a neighbour [1/pixel]",
             (0, 1 / 40, 1 / 30, 1 / 20, 1 / 10, 1 / 5), (0, 0),
             lambda value: draw(neighbour=float(value > 0), apart=along / max(value, 1e-9))),
    ]  # fmt: skip


class _Drawing:
    """Draws the galaxies with some of their properties changed."""

    def __init__(self, settings: SersicSettings, table: pd.DataFrame) -> None:
        self._settings, self._table = settings, table

    def __call__(
        self,
        *,
        true_fwhm: Any = None,
        beta: float | None = None,
        offset: Array | None = None,
        neighbour: float = 0.0,
        apart: Array | None = None,
        **changed: Any,
    ) -> FailureImages:
        told = self._table.assign(**changed)
        true = told if true_fwhm is None else told.assign(psf_fwhm=true_fwhm)
        camera = self._settings.camera
        slope = camera.beta if beta is None else beta
        stamps = self._render(true, slope, np.zeros((2, len(true))) if offset is None else offset)
        if neighbour and apart is not None:
            # Another galaxy of the sample, with a share of this one's flux.
            other = true.iloc[::-1].reset_index(drop=True).assign(
                flux=true["flux"].to_numpy() * neighbour, psf_fwhm=true["psf_fwhm"].to_numpy()
            )  # fmt: skip
            stamps = stamps + self._render(other, slope, apart)
        return FailureImages(
            stored={
                "stamp": stamps,
                **{name: told[name].to_numpy(dtype=np.float64) for name in (*PARAMETERS, "sigma", "psf_fwhm")},
            },
            bound=bound_sersics(true, self._settings),
        )

    def _render(self, table: pd.DataFrame, beta: float, offset: Array) -> Array:
        columns = {
            name: torch.from_numpy(table[name].to_numpy(dtype=np.float32, copy=True))
            for name in (*PARAMETERS, "psf_fwhm")
        }
        dx, dy = torch.from_numpy(offset.astype(np.float32))
        stamps: Array = render(
            columns["flux"] * FLUX_UNIT,
            columns["n"],
            columns["half_light_radius"],
            columns["g1"],
            columns["g2"],
            columns["psf_fwhm"],
            size=self._settings.size,
            pixel_scale=self._settings.pixel_scale,
            beta=beta,
            dx=dx,
            dy=dy,
        ).numpy()
        return stamps


def _galaxies(settings: SersicSettings, count: int, seed: int) -> pd.DataFrame:
    """Galaxies of the prior that are bright enough, with their SNR."""
    rng = np.random.default_rng([seed, 0])
    least = max(_LEAST_SNR, settings.snr[0]) if settings.snr[1] > 1.5 * _LEAST_SNR else settings.snr[0]
    found = pd.DataFrame()
    while len(found) < count:
        candidates = sample_prior(settings, rng, 2 * count)
        candidates["snr"] = measure_snr(draw_sersics(candidates, settings), candidates["sigma"].to_numpy())
        found = pd.concat([found, candidates[candidates["snr"].between(least, settings.snr[1])]], ignore_index=True)
    return found.iloc[:count].reset_index(drop=True)
