"""Images as a camera would have seen them, under the same noise for every model that is compared.

split = ObservedSplit(about, "test", seed=100)
answers = ask(answer, split.batches(), truth=split.truth, bound=split.bound)

Everything is streamed: what is kept of a split are the numbers of its catalogue.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from components.evidence.intervals import Array
from components.fields import Batch, presented

if TYPE_CHECKING:
    from components.evidence.numbers.regression import RegressionQuestions
    from components.fields import Dataset

__label__ = "observed"


class ObservedSplit:
    """One split of a dataset under noise.

    Args:
        problem: draws the noise.
        dataset: the images.
        split: which of them.
        settings: the problem's.
        seed: of the noise.
        device: where batches lie.
    """

    def __init__(
        self,
        problem: "RegressionQuestions",
        dataset: "Dataset",
        split: str,
        settings: Any,
        seed: Sequence[int],
        device: torch.device,
    ) -> None:
        self._problem, self._dataset, self._settings, self._seed, self._device = (
            problem, dataset, settings, seed, device,
        )  # fmt: skip
        self.rows = dataset.rows(split)
        self.table = dataset.catalogue.loc[self.rows].reset_index(drop=True)
        self.truth: Array = self.table[list(problem.truths)].to_numpy(dtype=np.float64)
        self.bound: Array = problem.measures(self.table, settings.simulate)

    @property
    def slices(self) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
        """Which images are in each of the problem's slices, by its name, and in `test`: all of them."""
        found = {"test": np.ones(len(self.table), dtype=bool)}
        for name, (column, low, high) in self._problem.slices().items():
            found[name] = self.table[column].between(low, high, inclusive="left").to_numpy()
        return found

    def batches(self, first: int | None = None) -> Iterator[Batch]:
        """All of it, or so many images, in the catalogue's order."""
        return self._presented(self.rows[:first])

    def first(self, count: int) -> dict[str, torch.Tensor]:
        """The inputs of the first images, on the processor."""
        return self.inputs_of(np.arange(min(count, len(self.rows))))

    def inputs_of(self, chosen: np.ndarray[Any, Any]) -> dict[str, torch.Tensor]:
        """The inputs of some images by their places in the split, on the processor."""
        batches = [batch.inputs for batch in self._presented(self.rows[chosen])]
        return {name: torch.cat([inputs[name] for inputs in batches]).cpu() for name in batches[0]}

    def _presented(self, rows: np.ndarray[Any, Any]) -> Iterator[Batch]:
        return presented(self._problem, self._dataset, self._settings, rows, seed=self._seed, device=self._device)
