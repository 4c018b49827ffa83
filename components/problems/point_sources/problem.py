"""`point-sources`: which pixels of a gamma-ray sky around the Galactic Centre hold point sources, and how bright.

The simulation follows a summer school's exercise (`components/simulators/galactic_centre`). Answers are probabilities,
held against those of the exact posterior; those of all pixels with any source are literature's target A, those of the
brightest pixels of an image target B.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from components.core import ProblemSettings
from components.evidence import FailureAxis, FailureImages, MeasuredProblem, Measuring, Slices
from components.fields import Confirmation, Evaluation, Seeds, Use, fresh_batches, fresh_seed
from components.problems.point_sources import presentation
from components.problems.point_sources.settings import PointSourcesSettings
from components.problems.skies import GAS_SLICES, SkyProblem, failure_axes, map_field
from components.simulators.galactic_centre import GalacticCentreSettings, Skies
from components.training import learn_familiar
from models.estimators.sources import SourcesEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from torch import Tensor

    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "point_sources"


class PointSources(SkyProblem, MeasuredProblem):
    """Probabilities and fluxes of each pixel, and a list of sources."""

    name = "point-sources"
    settings: ClassVar[type[ProblemSettings]] = PointSourcesSettings
    use = Use(
        intended="Where simulated gamma-ray skies around the Galactic Centre have point sources and how bright they "
        "are, by calibrated probabilities of pixels.",
        out_of_scope=(
            "a catalogue of real sources: the real sky's diffuse emission is doubted",
            "positions finer than a pixel: the simulator puts the light of a source into the middle of one",
        ),
    )

    def targets(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """Flux of all sources in each pixel, before the PSF."""
        return (map_field("flux", settings),)

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: PointSourcesSettings, *, training: bool
    ) -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
        """See `presentation.py`."""
        return presentation.present(stored, seed_b, settings, training=training)

    def estimator_config(self, settings: PointSourcesSettings) -> dict[str, Any]:
        """See `presentation.py`."""
        return presentation.estimator_config(settings)

    def finish(
        self,
        estimator: "Estimator",
        dataset: "Dataset",  # noqa: ARG002
        settings: PointSourcesSettings,
    ) -> tuple["Estimator", dict[str, Any]]:
        """Probabilities that mean what they say, and what doubts need to know of ordinary skies."""
        assert isinstance(estimator, SourcesEstimator)
        assert estimator.familiar is not None
        seed, device = fresh_seed(settings.train.seed, "recalibration"), estimator.scale_m.device
        count = settings.train.recalibration_images
        batches = list(fresh_batches(self, settings, seed=seed, count=count, device=device))
        estimator.calibrate(
            torch.cat([batch.inputs["image"] for batch in batches]),
            torch.cat([batch.targets["flux"] for batch in batches]),
        )
        learn_familiar(self, estimator.familiar, settings)
        return estimator, {}

    def failure_axes(self, simulation: GalacticCentreSettings, objects: int, seed: int) -> list[FailureAxis]:
        """Those of every problem of skies."""

        def images(skies: Skies) -> FailureImages:
            sources_bhw = (skies.centre_bhw + skies.disk_bhw).astype(np.float32)
            return FailureImages(
                stored={"expected": skies.expected_bhw, "sources": sources_bhw, "clouds": np.zeros_like(sources_bhw)}
            )

        return failure_axes(simulation, images, objects, seed)

    def slices(self, settings: PointSourcesSettings) -> Slices:  # noqa: ARG002
        """By how bright the gas is, whose light hides sources."""
        return GAS_SLICES

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """See `evaluation.py`."""
        from components.problems.point_sources.evaluation import gather  # with Matplotlib, which no list needs

        return gather(about, cache=cache)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses."""
        from components.problems.point_sources.evaluation import confirmed

        return confirmed(about)
