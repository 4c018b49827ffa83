"""The problem `deblurring`: what a galaxy was before the atmosphere's PSF and noise, both of which are known.

    problem = find_problem("deblurring")

Images are y = h ⊛ x + n, x a galaxy through a sharp PSF and pixels, h the PSF without pixels.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

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
    drawing_seeds,
    presented,
)
from components.problems.restoration.deblurring import presentation
from components.problems.restoration.deblurring.settings import DeblurringSettings
from components.simulators import prior_checks
from components.simulators.blurred_galaxies import CONDITIONS, FLUX, BlurredGalaxySettings, draw_galaxies
from models.estimators.deblurred import DeblurredEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "deblurring"

_UNIT = "counts"
_BRIGHT = (0, 40, 100, np.inf)
"""Edges of slices of the test split, by SNR."""
_REFERENCE = 8
"""Galaxies whose images are the simulator's fingerprint."""


class Deblurring(MeasuredProblem):
    """A galaxy as a space telescope sees it, from an image through the atmosphere."""

    name = "deblurring"
    settings = DeblurringSettings
    use = Use(
        intended="Galaxies as a space telescope would see them, from images of one band through a known PSF, with the "
        "error of each pixel: to look at, and for sizes and fluxes within the stated errors.",
        out_of_scope=(
            "shear: the answer leans on what galaxies look like, and its ellipticities are pulled to theirs",
            "images whose PSF is not known, and crowded fields",
        ),
    )

    def stored(self, settings: BlurredGalaxySettings) -> tuple[Field, ...]:
        """The galaxy, and how it is to be seen."""
        truth = Field(name="truth", shape=(settings.size, settings.size), unit=_UNIT)
        return (truth, *(Field(name=name) for name in CONDITIONS))

    def inputs(self, settings: BlurredGalaxySettings) -> tuple[Field, ...]:
        """The image, the noise of a pixel, and the PSF as an image or by its FWHM."""
        return (
            Field(name="image", shape=(settings.size, settings.size), unit=_UNIT, pixel_scale=settings.pixel_scale),
            Field(name="sigma", unit=_UNIT, limits=(0, None), estimated=True),
            Field(name="psf", shape=(settings.psf_size, settings.psf_size), optional=True),
            Field(name="psf_fwhm", unit="arcsec", limits=(0, None), optional=True),
        )

    def targets(self, settings: BlurredGalaxySettings) -> tuple[Field, ...]:
        """The galaxy."""
        return (Field(name="truth", shape=(settings.size, settings.size), unit=_UNIT),)

    def draw(self, settings: BlurredGalaxySettings, split: str, rows: range) -> Shard:
        """Galaxies of the prior."""
        columns, truth_bhw = draw_galaxies(settings, drawing_seeds(settings, split, rows))
        return Shard(columns=columns, arrays={"truth": truth_bhw})

    def reference(self, settings: BlurredGalaxySettings) -> Mapping[str, np.ndarray[Any, Any]]:
        """A few galaxies over their flux."""
        _, truth_bhw = draw_galaxies(settings, drawing_seeds(settings, "train", range(_REFERENCE)))
        return {"truth": truth_bhw / np.float32(FLUX)}

    def checks(self, dataset: "Dataset", settings: BlurredGalaxySettings) -> Checks:
        """Parameters within their prior and spread over it; light everywhere, and nearly all of it on the stamp."""
        ends = {name: getattr(settings, name) for name in ("n", "half_light_radius", "psf_fwhm", "snr")}
        catalogue = dataset.catalogue.reset_index(drop=True)
        of_prior = prior_checks(catalogue, settings, ranges=ends, covered=tuple(ends))
        light = Expectation(table=IMAGES, column="truth_max", said="> 0", low=0, strict=True)
        return Checks(dataset=of_prior.dataset, expectations=(*of_prior.expectations, light))

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: DeblurringSettings, *, training: bool
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """See `presentation.py`."""
        return presentation.present(stored, seed_b, settings, training=training)

    def estimator_config(self, settings: DeblurringSettings) -> dict[str, Any]:
        """A network of maps in steps that know the PSF."""
        simulate, train = settings.simulate, settings.train
        return {
            "kind": "deblurred", "size": simulate.size, "pixel_scale": simulate.pixel_scale, "unit": _UNIT,
            "psf_size": simulate.psf_size, "network": train.network, "width": train.width, "steps": train.steps,
            "difference": train.difference, "loss": train.loss,
        }  # fmt: skip

    def finish(
        self, estimator: "Estimator", dataset: "Dataset", settings: DeblurringSettings
    ) -> tuple["Estimator", dict[str, Any]]:
        """Errors that hold what they promise, and what doubts need to know of ordinary images."""
        assert isinstance(estimator, DeblurredEstimator)
        batches = presented(
            self, dataset, settings, dataset.rows("validation"), seed=[0], device=estimator.error_scale.device
        )
        estimator.learn_ordinary((batch.inputs, batch.targets["truth"]) for batch in batches)
        return estimator, {}

    def slices(self, settings: DeblurringSettings) -> Slices:  # noqa: ARG002
        """By SNR."""
        return {f"snr_{low:g}_{high:g}": ("snr", low, high) for low, high in pairwise(_BRIGHT)}

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """See `evaluation.py`."""
        from components.problems.restoration.deblurring.evaluation import gather  # with Matplotlib: no list needs it

        return gather(about, cache=cache)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same loss."""
        from components.problems.restoration.deblurring.evaluation import confirmed

        return confirmed(about)
