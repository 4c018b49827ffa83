"""Batches for training: stored fields read ahead from memory-mapped shards, everything else drawn afresh each time.

    for batch in Batches(problem, dataset, settings, rows=rows, batch_size=128, device=device).epoch([seed, 3]):
        loss_b = estimator.loss(batch.inputs, batch.targets)

A thread reads the next rows from disk while the network is busy with the last. What is drawn for an image comes from
its own seed (`components/fields/randomness.py`): neither batches, order, processes nor the device change it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from components.core import ProblemSettings
from components.fields import Batch, Dataset, Problem, present, presented, read_stored, row_seeds

__label__ = "batches"

Rows = np.ndarray[Any, Any]


class Batches:
    """A dataset's images as batches on a device.

    Args:
        problem: gives noise, symmetry and conditions.
        dataset: the images.
        settings: all of the problem's.
        rows: the catalogue rows to show.
        batch_size: images in a batch; the last, smaller one of an epoch is left out, the next epoch's order brings its
            images back.
        device: where batches lie.
        share: (rank, processes): each process shows its own part of every batch.
    """

    def __init__(
        self,
        problem: Problem,
        dataset: Dataset,
        settings: ProblemSettings,
        *,
        rows: Rows,
        batch_size: int,
        device: torch.device,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._problem, self._dataset, self._settings = problem, dataset, settings
        self._rows, self._device, self._share = rows, device, share
        self.batch_size = min(batch_size, len(rows))
        self.steps = len(rows) // self.batch_size

    def epoch(self, seed: Sequence[int]) -> Iterator[Batch]:
        """Every image once, in a random order; the same seed gives the same batches."""
        order = np.random.default_rng(seed).permutation(self._rows)
        rank, processes = self._share
        chosen = [
            # Ascending rows lie side by side on disk.
            np.sort(order[step * self.batch_size : (step + 1) * self.batch_size])[rank::processes]
            for step in range(self.steps)
        ]
        with ThreadPoolExecutor(max_workers=1) as reader:

            def read(rows: Rows) -> Any:
                return reader.submit(read_stored, self._problem, self._dataset, self._settings, rows)

            coming = read(chosen[0])
            for step, rows in enumerate(chosen):
                stored = coming.result()
                if step + 1 < self.steps:
                    coming = read(chosen[step + 1])
                yield present(
                    self._problem, stored, row_seeds(seed, rows), self._settings, training=True, device=self._device
                )


def observed_validation(
    problem: Problem, dataset: Dataset, settings: ProblemSettings, device: torch.device
) -> Iterator[Batch]:
    """The validation split under noise that is the same at every call, a batch at a time."""
    rows = dataset.rows("validation")
    return presented(problem, dataset, settings, rows, seed=[settings.simulate.seed], device=device)
