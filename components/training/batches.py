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

from components.core import AssayError, ProblemSettings
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
        share: (rank, processes): each process shows its own part of every batch, parts that differ by one image where
            the processes do not divide it.

    Raises:
        AssayError: when there are fewer images than processes.
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
        _require_rows(rows, share[1], "training")
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

            def stored_of(rows: Rows) -> dict[str, torch.Tensor]:
                stored = read_stored(self._problem, self._dataset, self._settings, rows)
                pinned = self._device.type == "cuda"  # here, beside the training
                return {name: array.pin_memory() for name, array in stored.items()} if pinned else stored

            def read(rows: Rows) -> Any:
                return reader.submit(stored_of, rows)

            coming = read(chosen[0])
            for step, rows in enumerate(chosen):
                stored = coming.result()
                if step + 1 < self.steps:
                    coming = read(chosen[step + 1])
                yield present(
                    self._problem, stored, row_seeds(seed, rows), self._settings, training=True, device=self._device
                )


def observed_validation(
    problem: Problem,
    dataset: Dataset,
    settings: ProblemSettings,
    device: torch.device,
    *,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Batch]:
    """The validation split under noise that is the same at every call, a batch at a time; of several processes a part.

    Raises:
        AssayError: when there are fewer images than processes.
    """
    rows, (rank, processes) = dataset.rows("validation"), share
    _require_rows(rows, processes, "validation")
    part = np.array_split(rows, processes)[rank]
    return presented(problem, dataset, settings, part, seed=[settings.simulate.seed], device=device)


def _require_rows(rows: Rows, processes: int, split: str) -> None:
    if len(rows) < processes:
        raise AssayError(
            f"train.processes = {processes} and the {split} split has {len(rows)} images: each process needs one",
            "set fewer processes, or simulate more images",
        )
