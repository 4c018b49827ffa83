"""A problem whose evidence is made of what a model says of one split: the whole evaluation of one kind of answer.

    class Mine(MeasuredProblem):
        def gather(self, about, *, cache): return gather_masks(about, noise="sigma")
        def gather_confirmation(self, about): return confirm_masks(about)

Numbers have more to say, in a class of their own (`numbers/problem.py`).
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
        about = self._measuring(answer, dataset, settings, device=device, progress=progress, split="test")
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
        about = self._measuring(answer, dataset, settings, device=device, progress=progress, split="confirmation")
        return self.gather_confirmation(about)

    def _measuring(self, answer: Answer, dataset: "Dataset", settings: Any, **how: Any) -> Measuring:
        return Measuring(
            problem=self, answer=answer, dataset=dataset, settings=settings, slices=self.slices(settings), **how
        )
