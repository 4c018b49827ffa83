"""How skies are shown to a network: counts drawn of what is expected, and in training also other amplitudes.

Everything here decides what a training comes to. Shape suffixes: b batch, h height, w width, k diffuse components.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from components.fields import Seeds, poisson, uniform
from components.problems.galactic_centre.settings import CELLS, GalacticCentreProblemSettings
from components.simulators.galactic_centre import (
    AMPLITUDES,
    COUNTS,
    PARAMETERS,
    GalacticCentreSettings,
    psf_matrix,
    steady_templates,
)
from models.fields import Arrays, Field

__label__ = "galactic_centre_presentation"

_COUNTS, _AFRESH = range(2)
"""Streams of random numbers of each image."""
_GAS = AMPLITUDES.index("A_pi0")


def map_field(name: str, settings: GalacticCentreSettings) -> Field:
    """A map of the sky."""
    return Field(name=name, shape=(settings.size, settings.size), unit="counts")


def truth_fields() -> tuple[Field, ...]:
    """What models are to find."""
    return tuple(Field(name=name) for name in PARAMETERS)


def ends(settings: GalacticCentreSettings) -> dict[str, tuple[float, float]]:
    """Least and largest value of each parameter."""
    counts = zip(COUNTS, (settings.centre_sources.count, settings.disk_sources.count), strict=True)
    return {**dict.fromkeys(AMPLITUDES, settings.amplitude), **{name: (float(a), float(b)) for name, (a, b) in counts}}


def present(
    stored: Arrays, seed_b: Seeds, settings: GalacticCentreProblemSettings, *, training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Counts of each sky, and its parameters."""
    truths = {name: stored[name] for name in PARAMETERS}
    expected_bhw = stored["expected"]
    if training and settings.train.fresh_amplitudes:
        amplitude_bk, expected_bhw = _afresh(stored, seed_b, settings.simulate)
        truths |= dict(zip(AMPLITUDES, amplitude_bk.unbind(1), strict=True))
    return {"image": poisson(seed_b, expected_bhw, stream=_COUNTS)}, truths


def estimator_config(settings: GalacticCentreProblemSettings) -> dict[str, Any]:
    """Network and scales: every parameter is uniform over its prior."""
    whole = {name: 0.5 if name in COUNTS else 0.0 for name in PARAMETERS}  # a number stands for all that round to it
    return {
        "kind": "numbers",
        "network": settings.train.network,
        "width": settings.train.width,
        "size": settings.simulate.size,
        "unit": "counts",
        "noise": None,
        "conditions": [],
        "outputs": [
            {"name": name, "unit": "", "scale": "uniform", "low": low - whole[name], "high": high + whole[name]}
            for name, (low, high) in ends(settings.simulate).items()
        ],
        "scoring_steps": 0,
        "drawing": None,
        "familiar": {
            "size": settings.simulate.size,
            "cells": CELLS,
            "images": settings.train.familiar_images,
            "said": "the diffuse emission",
        },
    }


def expected_skies(
    amplitude_bk: Tensor, sources_bhw: Tensor, cloud_bhw: Tensor, settings: GalacticCentreSettings
) -> Tensor:
    """Counts that are expected in each pixel of skies, shape (b, h, w).

    Args:
        amplitude_bk: of the diffuse components.
        sources_bhw: counts of all sources in each pixel, before the PSF.
        cloud_bhw: as `Skies.cloud_bhw`.
        settings: prior and camera.
    """
    blur, steady_khw = _tables(settings, sources_bhw.device)
    template_bkhw = steady_khw.repeat(len(amplitude_bk), 1, 1, 1)
    template_bkhw[:, _GAS] *= (cloud_bhw / settings.gas.softness).exp()
    return blur @ (sources_bhw + torch.einsum("bk,bkhw->bhw", amplitude_bk, template_bkhw)) @ blur.T


def _afresh(stored: Arrays, seed_b: Seeds, settings: GalacticCentreSettings) -> tuple[Tensor, Tensor]:
    """Other amplitudes, and sources and clouds mirrored: they know neither east and west nor north and south."""
    device = stored["sources"].device
    drawn_bn = uniform(seed_b, (len(AMPLITUDES) + 4,), stream=_AFRESH, device=device)
    (low, high), count = settings.amplitude, len(AMPLITUDES)
    amplitude_bk = low + (high - low) * drawn_bn[:, :count]
    sources_bhw, cloud_bhw = (
        _mirrored(stored[name], drawn_bn[:, place : place + 2])
        for name, place in (("sources", count), ("clouds", count + 2))
    )
    return amplitude_bk, expected_skies(amplitude_bk, sources_bhw, cloud_bhw, settings)


def _mirrored(map_bhw: Tensor, drawn_b2: Tensor) -> Tensor:
    for along in (1, 2):
        turned_b11 = drawn_b2[:, along - 1, None, None] < 0.5
        map_bhw = torch.where(turned_b11, map_bhw.flip(along), map_bhw)
    return map_bhw


@lru_cache(maxsize=2)
def _tables(settings: GalacticCentreSettings, device: torch.device) -> tuple[Tensor, Tensor]:
    return tuple(
        torch.tensor(table, dtype=torch.float32, device=device)
        for table in (psf_matrix(settings), steady_templates(settings))
    )  # type: ignore[return-value]
