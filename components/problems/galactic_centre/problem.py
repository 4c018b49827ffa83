"""`galactic-centre`: amplitudes of diffuse light and numbers of point sources from one gamma-ray sky.

The simulation follows a summer school's exercise (`components/simulators/galactic_centre`). No bound of single skies is
known, since their sources are not: errors are in ranges of the prior, and held against the exact posterior.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from components.core import Members, ProblemSettings
from components.evidence.numbers import RANGE, Answers, ExactPosterior, FailureAxis, RegressionProblem
from components.fields import (
    DATASET,
    IMAGES,
    Checks,
    Expectation,
    Metric,
    Seeds,
    Shard,
    Sources,
    drawing_seeds,
    row_seeds,
)
from components.problems.galactic_centre import failures, measures, presentation
from components.problems.galactic_centre.posterior import sky_posterior
from components.problems.galactic_centre.settings import GalacticCentreProblemSettings
from components.simulators import numbers, prior_checks
from components.simulators.galactic_centre import COUNTS, PARAMETERS, Array, GalacticCentreSettings, draw_skies
from components.training import learn_familiar
from components.training.numbers import recalibrate
from models.estimators.numbers import NumbersEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "galactic_centre"

_FINGERPRINTED = 4
_DARKNESS = (0, 0.25, 0.5, 0.75, 1.0001)
"""Edges of slices of the test split, by A_dm; 1 itself is in the last."""
_SPREAD = 5.0
"""Standard errors that a dataset's mean flux of a source may be off by."""


class GalacticCentre(RegressionProblem):
    """Four amplitudes and two numbers of sources."""

    name = "galactic-centre"
    settings: ClassVar[type[ProblemSettings]] = GalacticCentreProblemSettings
    truths = PARAMETERS
    conditions = ()
    yardstick = RANGE

    def sources(self, settings: GalacticCentreSettings) -> Sources:
        """The members of this class, and the exact posterior."""
        return replace(super().sources(settings), reference=(Members(of=self, names=("posterior", "truths")),))

    def measures(self, table: pd.DataFrame, simulation: GalacticCentreSettings) -> Array:
        """The range of each parameter's prior."""
        widths = [high - low for low, high in presentation.ends(simulation).values()]
        return np.tile(np.array(widths), (len(table), 1))

    def stored(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """What is expected of each sky, its sources and clouds, and the truths."""
        maps = (presentation.map_field(name, settings) for name in ("expected", "sources", "clouds"))
        return (*maps, *presentation.truth_fields())

    def inputs(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """Counts."""
        return (presentation.map_field("image", settings),)

    def targets(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:  # noqa: ARG002
        """The truths."""
        return presentation.truth_fields()

    def draw(self, settings: GalacticCentreSettings, split: str, rows: range) -> Shard:
        """Skies of the prior."""
        skies = draw_skies(settings, drawing_seeds(settings, split, rows))
        maps = {"expected": skies.expected_bhw, "sources": skies.centre_bhw + skies.disk_bhw, "clouds": skies.cloud_bhw}
        return Shard(columns=skies.table, arrays={name: of.astype(np.float32) for name, of in maps.items()})

    def reference(self, settings: GalacticCentreSettings) -> dict[str, Array]:
        """A few skies, as roots of what is expected: where that is more than a few counts, their noise is 1/2."""
        skies = draw_skies(settings, row_seeds([0], np.arange(_FINGERPRINTED)))
        return {"expected": 2 * np.sqrt(skies.expected_bhw)}

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: GalacticCentreProblemSettings, *, training: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """See `presentation.py`."""
        return presentation.present(stored, seed_b, settings, training=training)

    def estimator_config(self, settings: GalacticCentreProblemSettings) -> dict[str, Any]:
        """See `presentation.py`."""
        return presentation.estimator_config(settings)

    def checks(self, dataset: "Dataset", settings: GalacticCentreSettings) -> Checks:
        """Parameters within their prior and spread over it; sources as bright on average as their law says."""
        catalogue = dataset.catalogue.reset_index(drop=True)
        of_prior = prior_checks(catalogue, settings, ranges=presentation.ends(settings), covered=PARAMETERS)
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

    def slices(self) -> Mapping[str, tuple[str, float, float]]:
        """The test split by how much dark matter there is."""
        return {f"test_A_dm{low:g}_{high:g}": ("A_dm", low, high) for low, high in pairwise(_DARKNESS)}

    def failure_axes(self, simulation: GalacticCentreSettings, objects: int, seed: int) -> list[FailureAxis]:
        """See `failures.py`."""
        return failures.failure_axes(simulation, lambda table: self.measures(table, simulation), objects, seed)

    def own_metrics(self, answers: Answers, exact: pd.DataFrame | None, settings: Any) -> dict[str, Metric]:
        """See `measures.py`."""
        return measures.published_measures(answers, exact, settings)

    def headline(self) -> tuple[str, ...]:
        """Errors as papers quote them, proper scores, and the worst coverage."""
        quoted = ("A_dm", "N_gc", "N_disk", measures.TOTAL)
        scores = ("log_score.fresh", "energy_over_exact", "coverage68.worst", "coverage95.worst")
        return (*(f"mae_range.{name}" for name in quoted), *(f"posterior.{of}" for of in scores), "false_alarms.fresh")

    def posterior(
        self,
        image: Array,
        conditions: Array,  # noqa: ARG002
        truth: Array,
        simulation: GalacticCentreSettings,
        *,
        row: int,
        draws: int,
        seed: int,
    ) -> ExactPosterior:
        """See `posterior.py`."""
        return sky_posterior(image, truth, simulation, row=row, draws=draws, seed=seed)

    def finish(
        self,
        estimator: "Estimator",
        dataset: "Dataset",  # noqa: ARG002
        settings: GalacticCentreProblemSettings,
    ) -> tuple["Estimator", dict[str, Any]]:
        """What doubts need to know of ordinary skies, then intervals that hold what they promise."""
        assert isinstance(estimator, NumbersEstimator)
        assert estimator.familiar is not None
        learn_familiar(self, estimator.familiar, settings)
        recalibrate(self, estimator, settings)
        return estimator, {}


def _sums(dataset: "Dataset", name: str) -> "pd.Series[float]":
    """Of each map, a block at a time, so that memory does not grow with the dataset."""
    blocks = dataset.blocks(name) if name in dataset.shards else ()
    sums = [block.reshape(len(block), -1).sum(axis=1, dtype=np.float64) for block in blocks]
    return pd.Series(np.concatenate(sums) if sums else np.full(len(dataset.catalogue), np.nan))
