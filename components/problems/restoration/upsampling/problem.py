"""The problem `upsampling`: what a colour picture was before it was resized to a quarter and back.

    problem = find_problem("upsampling")

Pictures lie in a folder, or are drawn (`components/simulators/deep_fields`). They have no noise of their own: what is
not known is what resizing took away.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from components.evidence import MeasuredProblem, Measuring
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
    uniform,
)
from components.problems.restoration.upsampling.augmentation import CHANCES, augmented
from components.problems.restoration.upsampling.degrading import degraded
from components.problems.restoration.upsampling.settings import BANDS, FACTOR, UpsamplingSettings
from components.simulators.deep_fields import draw_fields
from components.simulators.folders import COLOUR, FolderProblem, FolderSettings
from models.estimators.upsampled import UpsampledEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "upsampling"

_OF_SYMMETRY = 0
"""Stream of random numbers of each picture."""


class Upsampling(MeasuredProblem, FolderProblem):
    """Resized to a quarter of its size and back; the picture as it was is wanted."""

    name = "upsampling"
    settings = UpsamplingSettings
    kind = "pictures"
    reading = COLOUR
    use = Use(
        intended="Colour pictures of the sky that were resized to a quarter and back, to look at.",
        out_of_scope=(
            "measurements: what was lost is made up from what such pictures look like",
            "pictures with noise, other blur, or compression stronger than in training",
        ),
    )

    def stored(self, settings: Any) -> tuple[Field, ...]:
        """The picture as it is."""
        return (Field(name="picture", shape=(BANDS, settings.height, settings.width)),)

    def inputs(self, settings: Any) -> tuple[Field, ...]:
        """The picture after resizing."""
        return (Field(name="image", shape=(BANDS, settings.height, settings.width)),)

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """The picture as it was."""
        return self.stored(settings)

    def draw(self, settings: Any, split: str, rows: range) -> Shard:
        """Read pictures, or draw them."""
        if isinstance(settings, FolderSettings):
            return super().draw(settings, split, rows)
        columns, picture_bchw = draw_fields(settings, drawing_seeds(settings, split, rows))
        return Shard(columns=columns, arrays={"picture": picture_bchw})

    def checks(self, dataset: "Dataset", settings: Any) -> Checks:
        """Beside what holds of a folder: values from 0 to 1, and something to be seen."""
        found = super().checks(dataset, settings)
        expected = (
            Expectation(table=IMAGES, column="picture_min", said="0 to 1", low=0, high=1),
            Expectation(table=IMAGES, column="picture_max", said="0 to 1, and not black", low=1 / 255, high=1),
        )
        return Checks(images=found.images, dataset=found.dataset, expectations=(*found.expectations, *expected))

    def present(
        self,
        stored: Arrays,
        seed_b: Seeds,
        settings: UpsamplingSettings,  # noqa: ARG002
        *,
        training: bool,
    ) -> "tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]":
        """Resized to a quarter and back; in training changed before that (`augmentation.py`)."""
        picture_bchw = stored["picture"]
        if training:
            chance_bk = uniform(seed_b, (CHANCES,), stream=_OF_SYMMETRY, device=torch.device("cpu"))
            picture_bchw = augmented(picture_bchw, chance_bk)
        return {"image": degraded(picture_bchw)}, {"picture": picture_bchw}

    def estimator_config(self, settings: UpsamplingSettings) -> dict[str, Any]:
        """A network of pictures."""
        simulate, train = settings.simulate, settings.train
        return {
            "kind": "upsampled", "height": simulate.height, "width": simulate.width, "bands": BANDS, "factor": FACTOR,
            "network": train.network, "channels": train.width, "loss": train.loss, "difference": train.difference,
            "consistent": train.consistent, "mirrored": train.mirrored,
        }  # fmt: skip

    def finish(
        self, estimator: "Estimator", dataset: "Dataset", settings: UpsamplingSettings
    ) -> tuple["Estimator", dict[str, Any]]:
        """Errors that hold what they promise, and what doubts need to know of ordinary pictures."""
        assert isinstance(estimator, UpsampledEstimator)
        device = estimator.error_scale.device

        def shown(split: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for batch in presented(self, dataset, settings, dataset.rows(split), seed=[0], device=device):
                yield batch.inputs["image"], batch.targets["picture"]

        estimator.learn_ordinary(judged=shown("validation"), learned=(seen for seen, _ in shown("train")))
        return estimator, {}

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:  # noqa: ARG002 - nothing here is worth keeping
        """See `evaluation.py`."""
        from components.problems.restoration.upsampling.evaluation import gather  # with Matplotlib, which no list needs

        return gather(about)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same loss."""
        from components.problems.restoration.upsampling.evaluation import confirmed

        return confirmed(about)
