"""A problem whose evidence is made of what a model says of one split: the whole evaluation of one kind of answer.

class Mine(MeasuredProblem):
def gather(self, about, *, cache): return gather_masks(about, noise="sigma")
def gather_confirmation(self, about): return confirm_masks(about)
"""

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.evidence.measuring import NO_SLICES, Measuring, Slices
from components.fields import Answer, Confirmation, Evaluation, Problem

if TYPE_CHECKING:
    import torch

    from components.fields import Dataset

__label__ = "measured_problem"


class MeasuredProblem(Problem):
    """Measures a model on a split; what of it is the problem's own."""

    @abstractmethod
    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """All evidence.

        Args:
            about: the model on the test split.
            cache: folder for what does not depend on the model.
        """

    @abstractmethod
    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses.

        Args:
            about: the model on the confirmation split.
        """

    def slices(self, settings: Any) -> Slices:  # noqa: ARG002
        """Of a split, which are measured for themselves, too; none by default.

        Args:
            settings: all of the problem's.
        """
        return NO_SLICES

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
        """What `gather` makes of the test split."""
        about = Measuring(
            problem=self, answer=answer, dataset=dataset, settings=settings, device=device, progress=progress,
            slices=self.slices(settings), split="test",
        )  # fmt: skip
        return self.gather(about, cache=cache)

    def confirm(
        self,
        answer: Answer,
        dataset: "Dataset",
        settings: Any,
        *,
        device: "torch.device",
        progress: Callable[[int], object],
    ) -> Confirmation:
        """What `gather_confirmation` makes of the confirmation split."""
        about = Measuring(
            problem=self, answer=answer, dataset=dataset, settings=settings, device=device, progress=progress,
            slices=self.slices(settings), split="confirmation",
        )  # fmt: skip
        return self.gather_confirmation(about)
