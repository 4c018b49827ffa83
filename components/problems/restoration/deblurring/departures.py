"""Failure maps of deblurring: PSFs and noise that are not as stated, neighbours, and light in knots.

    table, metrics = measure_departures(about, truth_bhw)

The same galaxies at every value, at one SNR under one PSF. Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence import Delivery, FailureAxis, FailureImages, Measuring, measure_along
from components.evidence.restored import LOSS
from components.fields import Metric, Seeds
from components.problems.restoration.deblurring.benchmark import PSF_FWHM, seen
from components.problems.restoration.deblurring.scores import doubted, image_scores
from models.estimators.deblurred import kolmogorov_psf
from models.fields import Arrays

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "deblurring_departures"

_SNR = 60.0
_AWAY = 10
"""Pixels from a galaxy to its neighbour."""
_KNOTS, _REACH = 5, 4.0
"""Knots of a galaxy, and their distance from its middle in pixels (standard deviation on either axis)."""
_MEASURED = (LOSS, "coverage68", "residual")

Images = np.ndarray[Any, Any]


def measure_departures(about: Measuring, truth_bhw: Images) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Along every axis, as `along_axes.measure_along` says.

    Args:
        about: the model.
        truth_bhw: the galaxies.
    """

    def scores(batch: Any, outputs: Any) -> "dict[str, Tensor]":
        found = image_scores(batch, outputs)
        return {name: found[name] for name in _MEASURED}

    axes = galaxy_axes(about.settings, truth_bhw)
    return measure_along(about, axes, scores, loss=LOSS, doubted=doubted)


def galaxy_axes(settings: Any, truth_bhw: Images) -> list[FailureAxis]:
    """Each departure by itself.

    Args:
        settings: all of the problem's.
        truth_bhw: what is shown.
    """
    usual = seen(truth_bhw, _SNR)

    def told_round(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        fwhm_b = stored["psf_fwhm"] * 0 + PSF_FWHM / settings.simulate.pixel_scale
        round_bkk = kolmogorov_psf(fwhm_b, fwhm_b.new_zeros(len(fwhm_b), 2), size=settings.simulate.psf_size)
        return {**inputs, "psf": round_bkk}

    def wider(ratio: float) -> FailureImages:
        return replace(seen(truth_bhw, _SNR, ratio * PSF_FWHM), delivery=told_round)

    def longer(shear: float) -> FailureImages:
        sheared = {"psf_g1": np.full(len(truth_bhw), shear)}
        return replace(usual, stored={**usual.stored, **sheared}, delivery=told_round)

    def noisier(ratio: float) -> FailureImages:
        def told(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
            return {**inputs, "sigma": inputs["sigma"] / ratio}

        deliver: Delivery = told
        return replace(usual, delivery=deliver)

    def accompanied(flux: float) -> FailureImages:
        others_bhw = np.roll(np.roll(truth_bhw, 1, axis=0), _AWAY, axis=2)
        return seen(truth_bhw + np.float32(flux) * others_bhw, _SNR)

    def knotted(part: float) -> FailureImages:
        return seen((1 - np.float32(part)) * truth_bhw + np.float32(part) * knots(truth_bhw), _SNR)

    axes: list[tuple[str, str, str, tuple[float, ...], float, Callable[[float], FailureImages]]] = [
        ("psf_fwhm", "true FWHM of the PSF over the stated one", "a PSF {:g} times as wide as stated",
         (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25), 1.0, wider),
        ("psf_shape", "shear g₁ of the PSF, stated as round", "a PSF of shear {:g} that is stated as round",
         (0.0, 0.02, 0.05, 0.1, 0.2), 0.0, longer),
        ("sigma", "true noise over the stated one", "noise {:g} times as large as stated",
         (0.5, 0.8, 1.0, 1.25, 2.0), 1.0, noisier),
        ("neighbour", f"flux of a neighbour {_AWAY} pixels away, over a galaxy's", "a neighbour of {:g} times the flux",
         (0.0, 0.1, 0.3, 1.0), 0.0, accompanied),
        ("knots", "share of the light in knots", "{:.0%} of the light in knots",
         (0.0, 0.05, 0.1, 0.2, 0.4), 0.0, knotted),
    ]  # fmt: skip
    return [
        FailureAxis(
            name=name, label=label, case=case.format, values=values, trained=(ordinary, ordinary),
            draw=lambda value, draw=draw, ordinary=ordinary: usual if value == ordinary else draw(value),  # type: ignore[misc]
        )
        for name, label, case, values, ordinary, draw in axes
    ]  # fmt: skip


def knots(truth_bhw: Images) -> Images:
    """All the light of each galaxy in a few pixels around its middle."""
    found_bhw = np.zeros_like(truth_bhw)
    size = truth_bhw.shape[1]
    for row, truth_hw in enumerate(truth_bhw):
        places = np.random.default_rng([_KNOTS, row]).normal(size / 2, _REACH, (_KNOTS, 2))
        for down, right in np.clip(places.astype(int), 0, size - 1):
            found_bhw[row, down, right] += truth_hw.sum() / _KNOTS
    return found_bhw
