"""`sky-denoising`: gamma-ray skies around the Galactic Centre without their noise.

After a summer school's exercise (`components/simulators/galactic_centre`): skies are turned by any angle, divided by
their maximum, and spoilt by one of four kinds of noise; a fifth is the Poisson noise of the counts themselves, which
the others take for the truth. One model is for all of them and says which it was.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from components.core import ProblemSettings
from components.evidence import MeasuredProblem, Measuring, Slices
from components.fields import (
    IMAGES,
    Checks,
    Confirmation,
    Evaluation,
    Expectation,
    Seeds,
    Shard,
    Use,
    fresh_batches,
    fresh_seed,
)
from components.problems.skies import GAS_SLICES, SkyProblem, ends, map_field
from components.problems.sky_denoising import presentation
from components.problems.sky_denoising.noises import NOISES
from components.problems.sky_denoising.settings import SkyDenoisingSettings
from components.simulators import prior_checks
from components.simulators.galactic_centre import PARAMETERS, GalacticCentreSettings
from models.estimators.denoised import DenoisedEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from torch import Tensor

    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "sky_denoising"


class SkyDenoising(SkyProblem, MeasuredProblem):
    """A sky without its noise.

    Args:
        noise: the kind that all skies have; any is as likely where it is None, the default.
    """

    name = "sky-denoising"
    settings: ClassVar[type[ProblemSettings]] = SkyDenoisingSettings
    use = Use(
        intended="Simulated gamma-ray skies without the noise that was added to them, and what kind of noise that was.",
        out_of_scope=(
            "photometry of the restored image: its errors are correlated between pixels",
            "a noise of another kind or strength than the five of the simulator",
        ),
    )

    def __init__(self, noise: str | None = None) -> None:
        self.noise = noise

    def stored(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """What is expected of each sky."""
        return (map_field("expected", settings),)

    def inputs(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """The sky with noise, in any unit."""
        return (Field(name="image", shape=(settings.size, settings.size)),)

    def targets(self, settings: GalacticCentreSettings) -> tuple[Field, ...]:
        """The sky without, the number of its noise, and what its largest pixel is, which only evidence wants."""
        clean = Field(name="clean_image", shape=(settings.size, settings.size))
        kind = Field(name="noise_kind", dtype="int64", labels=NOISES)
        return (clean, kind, Field(name="maximum", unit="counts"))

    def draw(self, settings: GalacticCentreSettings, split: str, rows: range) -> Shard:
        """Skies of the prior, and no more of them than what is expected."""
        shard = super().draw(settings, split, rows)
        return Shard(columns=shard.columns, arrays={"expected": shard.arrays["expected"]})

    def checks(self, dataset: "Dataset", settings: GalacticCentreSettings) -> Checks:
        """Parameters within their prior and spread over it; light everywhere."""
        catalogue = dataset.catalogue.reset_index(drop=True)
        of_prior = prior_checks(catalogue, settings, ranges=ends(settings), covered=PARAMETERS)
        light = Expectation(table=IMAGES, column="expected_min", said="≥ 0", low=0)
        return Checks(dataset=of_prior.dataset, expectations=(*of_prior.expectations, light))

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: SkyDenoisingSettings, *, training: bool
    ) -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
        """See `presentation.py`."""
        return presentation.present(stored, seed_b, settings, noise=self.noise, training=training)

    def estimator_config(self, settings: SkyDenoisingSettings) -> dict[str, Any]:
        """See `presentation.py`."""
        return presentation.estimator_config(settings)

    def finish(
        self,
        estimator: "Estimator",
        dataset: "Dataset",  # noqa: ARG002
        settings: SkyDenoisingSettings,
    ) -> tuple["Estimator", dict[str, Any]]:
        """Errors that hold what they promise, and what doubts need to know of ordinary skies."""
        assert isinstance(estimator, DenoisedEstimator)
        seed, device = fresh_seed(settings.train.seed, "familiar"), estimator.error_scale_k.device
        for kind, name in enumerate(NOISES):
            shown = fresh_batches(
                SkyDenoising(name), settings, seed=seed, count=settings.train.familiar_images, device=device
            )
            images, cleans = zip(*((of.inputs["image"], of.targets["clean_image"]) for of in shown), strict=True)
            estimator.learn_ordinary(kind, torch.cat(images), torch.cat(cleans))
        return estimator, {}

    def slices(self, settings: SkyDenoisingSettings) -> Slices:  # noqa: ARG002
        """By how bright the gas is."""
        return GAS_SLICES

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """See `evaluation.py`."""
        from components.problems.sky_denoising.evaluation import gather  # with Matplotlib, which no list needs

        return gather(about, cache=cache)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses."""
        from components.problems.sky_denoising.evaluation import confirmed

        return confirmed(about)
