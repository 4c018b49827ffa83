"""What problems of gamma-ray skies have in common: the simulator, what is stored of a sky, what must hold of a dataset.

    class PointSources(SkyProblem): …

A dataset keeps sources and clouds apart from what is expected, so that trainings can show each sky with other
amplitudes (`afresh.py`).
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence import Slices
from components.fields import (
    DATASET,
    IMAGES,
    Checks,
    Expectation,
    Problem,
    Shard,
    drawing_seeds,
    row_seeds,
)
from components.simulators import numbers, prior_checks
from components.simulators.galactic_centre import (
    AMPLITUDES,
    COUNTS,
    PARAMETERS,
    Array,
    GalacticCentreSettings,
    draw_skies,
)
from models.fields import Field

if TYPE_CHECKING:
    from components.fields import Dataset

__label__ = "sky_problem"

OF_COUNTS = 0
"""Stream of random numbers of each image that its counts are drawn with."""
CELLS = 4
"""On a side, over which a sky's light is held against that of simulated ones."""
GAS_SLICES: Slices = {f"A_pi0_{low:g}_{high:g}": ("A_pi0", low, high) for low, high in pairwise((0, 0.5, 1.0001))}
"""Of a split, by the brightness of the gas; 1 itself is in the last."""
_FINGERPRINTED = 4
_SPREAD = 5.0
"""Standard errors that a dataset's mean flux of a source may be off by."""


class SkyProblem(Problem):
    """A problem whose images are counts of skies around the Galactic Centre."""

    def stored(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """What is expected of each sky, its sources and clouds."""
        return tuple(map_field(name, settings) for name in ("expected", "sources", "clouds"))

    def inputs(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """Counts."""
        return (map_field("image", settings),)

    def draw(self, settings: GalacticCentreSettings, split: str, rows: range) -> Shard:
        """Skies of the prior."""
        skies = draw_skies(settings, drawing_seeds(settings, split, rows))
        maps = {"expected": skies.expected_bhw, "sources": skies.centre_bhw + skies.disk_bhw, "clouds": skies.cloud_bhw}
        return Shard(columns=skies.table, arrays={name: of.astype(np.float32) for name, of in maps.items()})

    def reference(self, settings: GalacticCentreSettings) -> dict[str, Array]:
        """A few skies, as roots of what is expected: where that is more than a few counts, their noise is 1/2."""
        skies = draw_skies(settings, row_seeds([0], np.arange(_FINGERPRINTED)))
        return {"expected": 2 * np.sqrt(skies.expected_bhw)}

    def checks(self, dataset: "Dataset", settings: GalacticCentreSettings) -> Checks:
        """Parameters within their prior and spread over it; sources as bright on average as their law says."""
        catalogue = dataset.catalogue.reset_index(drop=True)
        of_prior = prior_checks(catalogue, settings, ranges=ends(settings), covered=PARAMETERS)
        flux, number = settings.source_flux, sum(numbers(catalogue, name) for name in COUNTS)
        mean, square = (np.exp(power * flux.mean + (power * flux.sd) ** 2 / 2) for power in (1, 2))
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # damaged numbers are NaN, and refused
            pull = (_sums(dataset, "sources") - mean * number) / np.sqrt((square - mean**2) * number)
        return Checks(
            dataset={**of_prior.dataset, "source_flux_pull": float(pull.mean(skipna=False) * len(pull) ** 0.5)},
            expectations=(
                *of_prior.expectations,
                Expectation(table=IMAGES, column="expected_min", said="≥ 0", low=0),
                Expectation(table=IMAGES, column="sources_min", said="≥ 0", low=0),
                Expectation(
                    table=DATASET,
                    column="source_flux_pull",
                    said=f"within ± {_SPREAD:g} standard errors of the law's mean",
                    low=-_SPREAD,
                    high=_SPREAD,
                ),
            ),
        )


def map_field(name: str, settings: GalacticCentreSettings) -> Field:
    """A map of the sky."""
    return Field(name=name, shape=(settings.size, settings.size), unit="counts")


def ends(settings: GalacticCentreSettings) -> dict[str, tuple[float, float]]:
    """Least and largest value of each parameter."""
    counts = zip(COUNTS, (settings.centre_sources.count, settings.disk_sources.count), strict=True)
    return {**dict.fromkeys(AMPLITUDES, settings.amplitude), **{name: (float(a), float(b)) for name, (a, b) in counts}}


def familiar_config(settings: GalacticCentreSettings, images: int) -> dict[str, Any]:
    """What estimators know ordinary skies by (`models.estimators.FamiliarImages`), learned from so many of them."""
    return {"size": settings.size, "cells": CELLS, "images": images, "said": "the diffuse emission"}


def _sums(dataset: "Dataset", name: str) -> "pd.Series[float]":
    """Of each map, a block at a time, so that memory does not grow with the dataset."""
    blocks = dataset.blocks(name) if name in dataset.shards else ()
    sums = [block.reshape(len(block), -1).sum(axis=1, dtype=np.float64) for block in blocks]
    return pd.Series(np.concatenate(sums) if sums else np.full(len(dataset.catalogue), np.nan))
