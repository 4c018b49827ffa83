"""What a problem is: the one interface between the science and everything else.

Flows, registry, packaging and services work with any `Problem` and know none of its physics. A new problem is one
module or folder in `components/problems/` with a subclass, registered in `__init__.py` there, and one subclass of
`tests/model/problems/problem_conformance.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from components.core import AssayError, EntryPoint, Members, ProblemSettings
from components.fields.checks import Checks
from components.fields.evaluation import Confirmation, Evaluation, Honesty
from components.fields.reading import Reading
from components.fields.splits import split_counts
from components.fields.use import Use

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor

    from components.fields.dataset import Dataset
    from components.fields.randomness import Seeds
    from models.estimators import Estimator
    from models.fields import Arrays, Field

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
    honesty: tuple[EntryPoint, ...] = ()
    """What decides a measurement of honesty, beside the model."""
    reference: tuple[EntryPoint, ...] = ()
    """What decides that part of an evaluation which no model takes part in, and which is kept for all of them."""
    unused: tuple[str, ...] = ()
    """Labels of modules that are imported and, under these settings, never called."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A run of images and what is known of them, row by row."""

    columns: "pd.DataFrame"
    """Numbers of each row, for the catalogue: truths, conditions, bound."""
    arrays: "Mapping[str, np.ndarray[Any, Any]]"
    """Noise-free images, masks and the like, by name, rows first."""


Answer = Callable[..., "dict[str, Tensor]"]
"""From the inputs of a batch, and its targets where they are known, to what the model makes of them, all on one device
(`Estimator.measured`)."""


_SIMULATING = ("draw", "reference", "counts", "material")
"""What a simulation asks a problem."""
_SHARED = ("stored", "inputs", "targets", "present")
"""What trainings and evaluations ask it."""
_TRAINING = (*_SHARED, "estimator_config", "finish")
"""What a training asks it; an evaluation asks what is shared and all the rest."""
_HONESTY = ("measure_honesty",)
"""What a measurement of honesty asks it, beside what is shared."""
_CHECKING = ("name", "settings", "use", "simulated", "sources", "checks", "reading")
"""What decides no result: names, what data is checked by, and how a user's file is read."""


class Problem(ABC):
    """One scientific task that models are trained for.

    What goes into it and comes out of it are named fields (`models/fields.py`): a problem says which, and no step knows
    more of them. What kinds of answers have in common are rooms of `models/estimators`, `components/training` and
    `components/evidence`.
    """

    name: ClassVar[str]
    """As typed on the command line."""
    settings: ClassVar[type[ProblemSettings]]
    """The class of its section of params.yaml."""
    use: ClassVar[Use] = Use(intended="Not stated: the problem has no `use`.")
    """What its models are for, as their card says."""

    reading: ClassVar[Reading] = Reading()
    """What it makes of a user's file; `find_reading` has the same."""

    def sources(self, settings: Any) -> Sources:  # noqa: ARG002
        """Where results begin under these settings: the members of this class that each step asks.

        A problem adds what it knows beside them.

        Args:
            settings: its `simulate` section.
        """
        others = {*_SIMULATING, *_TRAINING, *_HONESTY, *_CHECKING}
        known = (name for name in dir(type(self)) if not name.startswith("_") and name not in others)
        return Sources(
            simulation=(Members(of=self, names=_SIMULATING),),
            training=(Members(of=self, names=_TRAINING),),
            evaluation=(Members(of=self, names=(*known, *_SHARED)),),
            honesty=(Members(of=self, names=(*_HONESTY, *_SHARED)),),
        )

    def simulated(self, settings: Any) -> bool:  # noqa: ARG002
        """Whether `draw` makes as many images as are asked for, of any seed; otherwise it reads those that there are.

        Args:
            settings: its `simulate` section.
        """
        return True

    def counts(self, settings: Any) -> Mapping[str, int]:
        """Images of each split.

        Args:
            settings: its `simulate` section.
        """
        return split_counts(settings)

    def material(self, settings: Any) -> Mapping[str, Any]:  # noqa: ARG002
        """What is read of files that are not Assay's, as JSON-able values; a change makes another dataset.

        Args:
            settings: its `simulate` section.
        """
        return {}

    @abstractmethod
    def stored(self, settings: Any) -> "tuple[Field, ...]":
        """Arrays and catalogue columns of a dataset that `present` makes inputs and targets of.

        Args:
            settings: its `simulate` section.
        """

    @abstractmethod
    def inputs(self, settings: Any) -> "tuple[Field, ...]":
        """What a model is given; its estimator takes the very same."""

    @abstractmethod
    def targets(self, settings: Any) -> "tuple[Field, ...]":
        """What the loss compares its answers with."""

    @abstractmethod
    def draw(self, settings: Any, split: str, rows: range) -> Shard:
        """Draw some rows of a split, the same bytes on every machine.

        A row is decided by its number, its split and the settings other than counts and shares alone, through its own
        seed (`splits.drawing_seeds`); what is stored of it is rounded (`rounding.py`).

        Args:
            settings: its `simulate` section.
            split: one of `SPLITS`.
            rows: row numbers within the split.
        """

    @abstractmethod
    def reference(self, settings: Any) -> "Mapping[str, np.ndarray[Any, Any]]":
        """A few fixed noise-free arrays in units of the least noise: what the simulator does, to be fingerprinted."""

    @abstractmethod
    def present(
        self, stored: "Arrays", seed_b: "Seeds", settings: Any, *, training: bool
    ) -> "tuple[dict[str, Tensor], dict[str, Tensor]]":
        """The images as a camera would have them, and the targets.

        Args:
            stored: its stored fields.
            seed_b: of each row; all that is drawn for a row comes from its seed (`randomness.py`) and lies on the
                device of what is stored.
            settings: all of the problem's.
            training: whether symmetries and conditions are drawn afresh, too, and not the noise alone; inputs and
                targets are transformed together.
        """

    @abstractmethod
    def estimator_config(self, settings: Any) -> dict[str, Any]:
        """What an estimator is built from (`models.estimators.build`), as JSON-able values.

        Args:
            settings: all of the problem's.
        """

    @abstractmethod
    def evaluate(
        self,
        answer: Answer,
        dataset: "Dataset",
        settings: Any,
        *,
        device: "torch.device",
        cache: Path,
        progress: Callable[[int], object],
    ) -> Evaluation:
        """Gather the evidence: the test split, and whatever else says how good a model is.

        Args:
            answer: the model.
            dataset: the images.
            settings: all of the problem's.
            device: where the model lies and images are to be made.
            cache: folder for what does not depend on the model.
            progress: told how many images were answered.
        """

    @abstractmethod
    def confirm(
        self,
        answer: Answer,
        dataset: "Dataset",
        settings: Any,
        *,
        device: "torch.device",
        progress: Callable[[int], object],
    ) -> Confirmation:
        """What a model loses on the confirmation split, which nothing but a promotion to production reads.

        Args:
            answer: the model.
            dataset: the images.
            settings: all of the problem's.
            device: as of `evaluate`.
            progress: as of `evaluate`.
        """

    def measure_honesty(
        self,
        answer: Answer,  # noqa: ARG002
        settings: Any,  # noqa: ARG002
        *,
        device: "torch.device",  # noqa: ARG002
        progress: Callable[[int], object],  # noqa: ARG002
    ) -> Honesty:
        """Biases, to a precision that an evaluation has no time for; a problem without a `honesty` section has none.

        Args:
            answer: the model.
            settings: all of the problem's.
            device: as of `evaluate`.
            progress: as of `evaluate`.

        Raises:
            AssayError: when the problem cannot measure it.
        """
        raise AssayError(f"{self.name} measures no honesty: take its `honesty` section out of params.yaml")

    def checks(self, dataset: "Dataset", settings: Any) -> Checks:  # noqa: ARG002
        """What must hold of a dataset beside what must hold of every one; nothing by default.

        Args:
            dataset: what is examined; a damaged one gives values that do not meet the expectations, not exceptions.
            settings: the `simulate` section that it was asked for with.
        """
        return Checks()

    def finish(
        self,
        estimator: "Estimator",
        dataset: "Dataset",  # noqa: ARG002
        settings: Any,  # noqa: ARG002
    ) -> tuple["Estimator", dict[str, Any]]:
        """What follows the training loop: the estimator that is kept, and what its description tells of that.

        Args:
            estimator: the trained network, with averaged weights, on the device that it was trained on; what is
                computed is computed there.
            dataset: the images.
            settings: all of the problem's.
        """
        return estimator, {}
