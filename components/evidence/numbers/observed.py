"""Images as a camera would have seen them, under the same noise for every model that is compared.

split = ObservedSplit(problem, dataset, "test", simulation, seed=[7, 2])
answers = ask(predict, split.batches(), truth=split.truth, bound=split.bound)
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from components.fields import Dataset, Problem

__label__ = "observed"

_BATCH = 256


class ObservedSplit:
    """One split of a dataset under noise.

    Args:
        problem: draws the noise.
        dataset: the images.
        split: which of them.
        simulation: the problem's simulation settings.
        seed: of the noise.
    """

    def __init__(self, problem: "Problem", dataset: "Dataset", split: str, simulation: Any, seed: list[int]) -> None:
        rows = dataset.rows(split)
        self.table = dataset.catalogue.loc[rows].reset_index(drop=True)
        self.truth = self.table[list(problem.truths)].to_numpy(dtype=np.float64)
        self.bound = self.table[[f"crb_{name}" for name in problem.truths]].to_numpy(dtype=np.float64)
        self.conditions = dataset.columns(problem.conditions, rows)
        generator = _generator(seed)
        seen = [
            problem.observe(
                torch.from_numpy(dataset.stamps(part)),
                torch.from_numpy(dataset.columns(problem.conditions, part)),
                generator,
                simulation,
            ).numpy()
            for part in np.split(rows, range(_BATCH, len(rows), _BATCH))
        ]
        self.images: np.ndarray[Any, Any] = np.concatenate(seen)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of image_bhw and conditions_bc, in the catalogue's order."""
        for start in range(0, len(self.images), _BATCH):
            rows = slice(start, start + _BATCH)
            yield torch.from_numpy(self.images[rows]), torch.from_numpy(self.conditions[rows])


def observed_repeatedly(
    problem: "Problem",
    stamp: np.ndarray[Any, Any],
    conditions: tuple[float, ...],
    count: int,
    simulation: Any,
    seed: list[int],
) -> Iterator[tuple[Tensor, Tensor]]:
    """One object under ``count`` realisations of the noise, as pairs of image_bhw and conditions_bc."""
    generator = _generator(seed)
    for start in range(0, count, _BATCH):
        rows = min(_BATCH, count - start)
        stamp_bhw = torch.from_numpy(stamp).expand(rows, -1, -1)
        conditions_bc = torch.tensor(conditions).expand(rows, -1)
        yield problem.observe(stamp_bhw, conditions_bc, generator, simulation), conditions_bc


def _generator(seed: list[int]) -> torch.Generator:
    return torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
