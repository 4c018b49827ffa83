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
from components.evidence import FailureAxis, FailureImages
from components.evidence.numbers import RANGE, Answers, ExactPosterior, RegressionProblem
from components.fields import Metric, Seeds, Sources, Use
from components.problems.galactic_centre import measures, presentation
from components.problems.galactic_centre.posterior import sky_posterior
from components.problems.galactic_centre.settings import GalacticCentreProblemSettings
from components.problems.skies import SkyProblem, ends, failure_axes
from components.simulators.galactic_centre import PARAMETERS, Array, GalacticCentreSettings, Skies
from components.training import learn_familiar
from components.training.numbers import recalibrate
from models.estimators.numbers import NumbersEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "galactic_centre"

_DARKNESS = (0, 0.25, 0.5, 0.75, 1.0001)
"""Edges of slices of the test split, by A_dm; 1 itself is in the last."""


class GalacticCentre(SkyProblem, RegressionProblem):
    """Four amplitudes and two numbers of sources."""

    name = "galactic-centre"
    settings: ClassVar[type[ProblemSettings]] = GalacticCentreProblemSettings
    truths = PARAMETERS
    conditions = ()
    yardstick = RANGE
    use = Use(
        intended="Amplitudes of diffuse light and numbers of point sources of simulated gamma-ray skies around the "
        "Galactic Centre, and the comparison of methods with the exact posterior of those skies.",
        out_of_scope=(
            "a measurement of dark matter on the real sky: its diffuse emission is spread as in no simulated one, and "
            "is doubted",
            "skies with another PSF, binning, energy range or kind of source than the simulator has",
        ),
    )

    def sources(self, settings: GalacticCentreSettings) -> Sources:
        """The members of this class, and the exact posterior."""
        return replace(super().sources(settings), reference=(Members(of=self, names=("posterior", "truths")),))

    def measures(self, table: pd.DataFrame, simulation: GalacticCentreSettings) -> Array:
        """The range of each parameter's prior."""
        widths = [high - low for low, high in ends(simulation).values()]
        return np.tile(np.array(widths), (len(table), 1))

    def stored(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """What is stored of every sky, and the truths."""
        return (*super().stored(settings), *presentation.truth_fields())

    def targets(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:  # noqa: ARG002
        """The truths."""
        return presentation.truth_fields()

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: GalacticCentreProblemSettings, *, training: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """See `presentation.py`."""
        return presentation.present(stored, seed_b, settings, training=training)

    def estimator_config(self, settings: GalacticCentreProblemSettings) -> dict[str, Any]:
        """See `presentation.py`."""
        return presentation.estimator_config(settings)

    def slices(self) -> Mapping[str, tuple[str, float, float]]:
        """The test split by how much dark matter there is."""
        return {f"test_A_dm{low:g}_{high:g}": ("A_dm", low, high) for low, high in pairwise(_DARKNESS)}

    def failure_axes(self, simulation: GalacticCentreSettings, objects: int, seed: int) -> list[FailureAxis]:
        """Those of every problem of skies."""

        def images(skies: Skies) -> FailureImages:
            nothing = np.zeros_like(skies.expected_bhw, dtype=np.float32)  # nothing is drawn afresh
            return FailureImages(
                stored={
                    "expected": skies.expected_bhw,
                    "sources": nothing,
                    "clouds": nothing,
                    **{name: skies.table[name].to_numpy() for name in PARAMETERS},
                },
                bound=self.measures(skies.table, simulation),
            )

        return failure_axes(simulation, images, objects, seed)

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
