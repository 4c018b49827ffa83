"""A problem whose truths are numbers: its evidence is gathered here, whatever it measures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.evidence.numbers.regression import RegressionQuestions
from components.fields import Answer, Confirmation, Evaluation

if TYPE_CHECKING:
    import torch

    from components.fields import Dataset

__label__ = "regression_problem"


class RegressionProblem(RegressionQuestions):
    """A problem whose truths are numbers, each with a yardstick for its errors, such as a bound.

    What it knows beside that it says by the methods of `RegressionQuestions`.
    """

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
        """See `gathering.py`."""
        from components.evidence.numbers.gathering import gather  # with Matplotlib, which no list of versions needs
        from components.evidence.numbers.parts import Gathering

        about = Gathering(
            problem=self, answer=answer, dataset=dataset, whole=settings, device=device, progress=progress
        )
        return gather(about, cache=cache)

    def confirm(
        self,
        answer: Answer,
        dataset: "Dataset",
        settings: Any,
        *,
        device: "torch.device",
        progress: Callable[[int], object],
    ) -> Confirmation:
        """See `gathering.py`."""
        from components.evidence.numbers.gathering import confirm
        from components.evidence.numbers.parts import Gathering

        return confirm(
            Gathering(problem=self, answer=answer, dataset=dataset, whole=settings, device=device, progress=progress)
        )
