"""The problem `spiral-arms`: which pixels of a spiral belong to its arms, and how much of its light they have.

problem = find_problem("spiral-arms")
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from components.evidence import Measuring
from components.fields import Confirmation, Evaluation, Seeds, Use, presented
from components.problems.spirals import presentation
from components.problems.spirals.problem import SpiralProblem, side_of
from components.problems.spirals.settings import SpiralProblemSettings
from models.estimators.arms import ArmsEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "spiral_arms"


class SpiralArms(SpiralProblem):
    """Where a spiral's arms are."""

    name = "spiral-arms"
    kind = "masks"
    spirals_only = True
    use = Use(
        intended="Which pixels of a spiral galaxy's picture belong to its arms, and the light of the arms over all "
        "other light, for statistics of many galaxies.",
        out_of_scope=(
            "galaxies seen edge-on, mergers, and pictures of several galaxies",
            "masks as the eye draws them: real arms are marked narrower than people mark them",
        ),
    )

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """1 where arms are."""
        return (Field(name="mask", shape=(side_of(settings),) * 2),)

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: SpiralProblemSettings, *, training: bool
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """See `presentation.py`."""
        image_bhw, chance_b3 = presentation.present(stored, seed_b, settings, training=training)
        mask_bhw = stored["mask"]
        if training:
            image_bhw, mask_bhw = (presentation.turned(of, chance_b3) for of in (image_bhw, mask_bhw))
        return {"image": image_bhw}, {"mask": mask_bhw}

    def estimator_config(self, settings: SpiralProblemSettings) -> dict[str, Any]:
        """A network of a map."""
        train = settings.train
        return {
            "kind": "arms", "size": side_of(settings.simulate), "network": train.network, "width": train.width,
            "mirrored": train.mirrored,
        }  # fmt: skip

    def finish(
        self, estimator: "Estimator", dataset: "Dataset", settings: SpiralProblemSettings
    ) -> tuple["Estimator", dict[str, Any]]:
        """Errors that hold what they promise, and what doubts need to know of ordinary pictures."""
        assert isinstance(estimator, ArmsEstimator)
        device = estimator.ratio_scale.device
        learned, judged = (
            presented(self, dataset, settings, dataset.rows(split), seed=[0], device=device)
            for split in ("train", "validation")
        )
        estimator.learn_ordinary(batch.inputs["image"] for batch in learned)
        estimator.learn_errors((batch.inputs, batch.targets["mask"]) for batch in judged)
        return estimator, {}

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:  # noqa: ARG002 - nothing here is worth keeping
        """See `arms_evidence.py`."""
        from components.problems.spirals.arms_evidence import gather  # with Matplotlib, which no list needs

        return gather(about)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same loss."""
        from components.problems.spirals.arms_evidence import confirmed

        return confirmed(about)
