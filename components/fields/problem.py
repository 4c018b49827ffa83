"""What a problem is: the one interface between the science and everything else.

Flows, registry, packaging and services work with any `Problem` and know none of its physics. A new problem is one
folder in `components/problems/` with a subclass, registered in `__init__.py` there, and one subclass of
`tests/model/problems/problem_conformance.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from components.core import EntryPoint, Members, ProblemSettings, TrainSettings
from components.fields.checks import Checks
from components.fields.evaluation import Evaluation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Generator, Tensor

    from components.fields.dataset import Dataset
    from models.estimators import Answer, Estimator

__label__ = None


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where results begin: their keys are made of these modules and all that they import (`core/code.py`)."""

    simulation: tuple[EntryPoint, ...]
    """What decides the images."""
    training: tuple[EntryPoint, ...]
    """What decides a training, beside the training itself: scales, noise, symmetry, loss."""
    evaluation: tuple[EntryPoint, ...]
    """What decides an evaluation, beside the model."""
    reference: tuple[EntryPoint, ...] = ()
    """What decides that part of an evaluation which no model takes part in, and which is kept for all of them."""
    unused: tuple[str, ...] = ()
    """Labels of modules that are imported and, under these settings, never called."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A run of images and what is known of them, row by row."""

    catalogue: "pd.DataFrame"
    """One row an image: truth, conditions, SNR, bound."""
    stamps: "np.ndarray[Any, Any]"
    """Noise-free images, float32, shape (rows, height, width)."""


Predict = Callable[["Tensor", "Tensor"], "Answer"]
"""(image_bhw, conditions_bc) → values with covariances and quantiles, in physical units."""


_SIMULATING = ("draw_shard",)
"""What a simulation asks a problem."""
_SHARED = ("truths", "conditions", "units", "observe")
"""What trainings and evaluations ask it."""
_TRAINING = (*_SHARED, "estimator_config", "draw_afresh", "augment", "loss", "finish")
"""What a training asks it; an evaluation asks what is shared and all the rest."""
_CHECKING = ("name", "settings", "sources", "reference_stamps", "checks")
"""What decides no result: names, and what data is checked by."""


class Problem(ABC):
    """One scientific task that models are trained for."""

    name: ClassVar[str]
    """As typed on the command line."""
    settings: ClassVar[type[ProblemSettings]]
    """The class of its section of params.yaml."""
    truths: ClassVar[tuple[str, ...]]
    """Catalogue columns that models are to find."""
    conditions: ClassVar[tuple[str, ...]]
    """Catalogue columns that are given to a model beside the image."""
    units: ClassVar[Mapping[str, str]]
    """Unit of each truth and each condition; an empty string for a pure number."""

    def sources(self, settings: Any) -> Sources:  # noqa: ARG002
        """Where results begin under these settings: the members of this class that each step asks.

        A problem adds what it knows beside them.

        Args:
            settings: its `simulate` section.
        """
        others = {*_SIMULATING, *_TRAINING, *_CHECKING}
        known = (name for name in dir(type(self)) if not name.startswith("_") and name not in others)
        return Sources(
            simulation=(Members(of=self, names=_SIMULATING),),
            training=(Members(of=self, names=_TRAINING),),
            evaluation=(Members(of=self, names=(*known, *_SHARED)),),
        )

    @abstractmethod
    def draw_shard(self, settings: Any, shard: int) -> Shard:
        """Draw the rows `shard_rows(settings, shard)`, the same bytes for the same settings and number.

        Args:
            settings: its `simulate` section.
            shard: number of the shard, from 0.
        """

    @abstractmethod
    def reference_stamps(self, settings: Any) -> "np.ndarray[Any, Any]":
        """A few fixed noise-free images in units of the least noise: what the simulator does, to be fingerprinted."""

    def checks(self, dataset: "Dataset", settings: Any) -> Checks:  # noqa: ARG002
        """What must hold of a dataset beside what must hold of every one; nothing by default.

        Args:
            dataset: what is examined; a damaged one gives values that do not meet the expectations, not exceptions.
            settings: the `simulate` section that it was asked for with.
        """
        return Checks()

    @abstractmethod
    def estimator_config(self, settings: Any, train: TrainSettings) -> dict[str, Any]:
        """What `models.estimators.estimator.Estimator` is built from, as JSON-able values."""

    @abstractmethod
    def observe(self, stamp_bhw: "Tensor", conditions_bc: "Tensor", generator: "Generator", settings: Any) -> "Tensor":
        """The noise-free images as a camera would have seen them, noise drawn afresh."""

    @abstractmethod
    def draw_afresh(
        self, stamp_bhw: "Tensor", conditions_bc: "Tensor", truth_bp: "Tensor", generator: "Generator", settings: Any
    ) -> tuple["Tensor", "Tensor"]:
        """The same objects under other conditions of the prior: noise-free images and conditions.

        What is given is given back where a problem has nothing fast enough to draw with.

        Args:
            stamp_bhw: noise-free images.
            conditions_bc: their conditions.
            truth_bp: their truths.
            generator: of what is drawn.
            settings: all of the problem's.
        """

    @abstractmethod
    def augment(self, image_bhw: "Tensor", truth_bp: "Tensor", generator: "Generator") -> tuple["Tensor", "Tensor"]:
        """The batch under a random symmetry of the sky, truths transformed with it."""

    @abstractmethod
    def loss(
        self,
        estimator: "Estimator",
        image_bhw: "Tensor",
        clean_bhw: "Tensor",
        conditions_bc: "Tensor",
        truth_bp: "Tensor",
    ) -> "Tensor":
        """Training loss of each image, shape (batch,); ``clean_bhw`` is the image without its noise."""

    def finish(
        self,
        estimator: "Estimator",
        dataset: "Dataset",  # noqa: ARG002
        settings: Any,  # noqa: ARG002
        train: Any,  # noqa: ARG002
    ) -> tuple["Estimator", dict[str, Any]]:
        """What follows the training loop: the estimator that is kept, and what its description tells of that.

        Args:
            estimator: the trained network, with averaged weights.
            dataset: the images.
            settings: all of the problem's; `train` is taken from the next argument.
            train: the `train` section.
        """
        return estimator, {}

    @abstractmethod
    def evaluate(
        self,
        predict: Predict,
        dataset: "Dataset",
        settings: Any,
        simulation: Any,
        *,
        cache: Path,
        progress: Callable[[int], object],
    ) -> Evaluation:
        """Gather the evidence: benchmark cases and the test split, against the bound.

        Args:
            predict: the model.
            dataset: the images.
            settings: the `evaluate` section.
            simulation: the problem's simulation settings.
            cache: folder for what does not depend on the model.
            progress: told how many images were answered.
        """
