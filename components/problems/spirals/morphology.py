"""The problem `spiral-morphology`: elliptical, lenticular or spiral; and of spirals, which way their arms turn.

    problem = find_problem("spiral-morphology")

Four classes, of which S and Z are the spirals; a mirror makes each of the other.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from components.evidence import Measuring
from components.fields import Confirmation, Evaluation, Seeds, Use, presented
from components.problems.spirals import presentation
from components.problems.spirals.problem import SpiralProblem, side_of
from components.problems.spirals.settings import SpiralProblemSettings
from components.simulators.folders import FolderSettings, index_of
from components.simulators.spirals import CELL, CLASSES
from models.estimators.morphology import MorphologyEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "spiral_morphology"

_OTHER = {"S": "Z", "Z": "S"}
"""What a mirror makes of a class; others stay what they are."""


class SpiralMorphology(SpiralProblem):
    """What a galaxy is, and which way its arms turn."""

    name = "spiral-morphology"
    kind = "classes"
    spirals_only = False
    use = Use(
        intended="Whether a picture of one galaxy shows an elliptical, a lenticular or a spiral, and which way its "
        "arms turn, by probabilities, for statistics of many galaxies.",
        out_of_scope=(
            "galaxies seen edge-on, mergers, irregulars, and pictures of several galaxies",
            "the direction of rotation: winding is that of the picture, which a mirror image turns round",
        ),
    )

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """The class, and of simulated galaxies where their arms are: nobody tells of a folder's."""
        of_class = Field(name="class", dtype="int64", labels=self.classes(settings))
        if isinstance(settings, FolderSettings):
            return (of_class,)
        return (of_class, Field(name="arm_cover", shape=(side_of(settings) // CELL,) * 2))

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: SpiralProblemSettings, *, training: bool
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """See `presentation.py`."""
        image_bhw, chance_b3 = presentation.present(stored, seed_b, settings, training=training)
        targets = {field.name: stored[field.name] for field in self.targets(settings.simulate)}
        if training:
            image_bhw = presentation.turned(image_bhw, chance_b3)
            targets["class"] = presentation.reclassed(targets["class"], chance_b3, self.mirrored(settings.simulate))
            if "arm_cover" in targets:
                targets["arm_cover"] = presentation.turned(targets["arm_cover"], chance_b3)
        return {"image": image_bhw}, targets

    def estimator_config(self, settings: SpiralProblemSettings) -> dict[str, Any]:
        """A network of a vector."""
        simulate, train = settings.simulate, settings.train
        return {
            "kind": "morphology", "size": side_of(simulate), "network": train.network, "width": train.width,
            "classes": list(self.classes(simulate)), "mirrored": self.mirrored(simulate),
            "cell": None if isinstance(simulate, FolderSettings) else CELL,
        }  # fmt: skip

    def finish(
        self, estimator: "Estimator", dataset: "Dataset", settings: SpiralProblemSettings
    ) -> tuple["Estimator", dict[str, Any]]:
        """What doubts need to know of ordinary pictures."""
        assert isinstance(estimator, MorphologyEstimator)
        device = estimator.feature_range.device
        shown = presented(self, dataset, settings, dataset.rows("train"), seed=[0], device=device)
        estimator.learn_ordinary(batch.inputs["image"] for batch in shown)
        return estimator, {}

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:  # noqa: ARG002 - nothing here is worth keeping
        """See `morphology_evidence.py`."""
        from components.problems.spirals.morphology_evidence import gather  # with Matplotlib, which no list needs

        return gather(about)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses."""
        from components.evidence.classes import confirm_classes

        return confirm_classes(about)

    @staticmethod
    def classes(settings: Any) -> tuple[str, ...]:
        """Their names: the simulator's, or those of a folder's table."""
        return index_of(settings, "classes").labels if isinstance(settings, FolderSettings) else CLASSES

    @classmethod
    def mirrored(cls, settings: Any) -> list[int]:
        """Of each class the number of that which its mirror image belongs to."""
        classes = cls.classes(settings)
        others = [_OTHER.get(name, name) for name in classes]
        return [classes.index(other) if other in classes else number for number, other in enumerate(others)]
