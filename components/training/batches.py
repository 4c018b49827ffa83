"""Batches for training: stamps read ahead from memory-mapped shards, everything else drawn afresh at each presentation.

    for batch in Batches(problem, dataset, settings, batch_size=128, device=device).epoch(seeds):
        ...

Symmetry, PSF and noise are drawn anew each time an image is shown. A thread reads the next stamps from disk while the
network is busy with the last; which random numbers are drawn does not depend on it. Shape suffixes: b batch, h height,
w width, c conditions, p parameters.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from components.core import ProblemSettings
from components.fields import Dataset, Problem

__label__ = "batches"

Rows = np.ndarray[Any, Any]


class Batch(NamedTuple):
    """What a training step sees."""

    image_bhw: Tensor
    """As observed, with noise."""
    clean_bhw: Tensor
    """The same without noise."""
    conditions_bc: Tensor
    truth_bp: Tensor


class Batches:
    """A dataset's images as batches on a device.

    Args:
        problem: gives noise, symmetry and PSF.
        dataset: the images.
        settings: `simulate` for the noise, `train` for what is drawn afresh.
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

    def epoch(self, seeds: np.random.SeedSequence) -> Iterator[Batch]:
        """Every image once, in a random order; the same seeds give the same batches."""
        order = np.random.default_rng(seeds).permutation(self._rows)
        rank, processes = self._share
        generator = torch.Generator(self._device).manual_seed(int(seeds.generate_state(processes)[rank]))
        chosen = [
            # Ascending rows lie side by side on disk.
            np.sort(order[step * self.batch_size : (step + 1) * self.batch_size])[rank::processes]
            for step in range(self.steps)
        ]
        with ThreadPoolExecutor(max_workers=1) as reader:
            coming = reader.submit(self.stored, chosen[0])
            for step in range(self.steps):
                stored = coming.result()
                if step + 1 < self.steps:
                    coming = reader.submit(self.stored, chosen[step + 1])
                yield self.presented(*stored, generator)

    def stored(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Noise-free stamps, conditions and truths as they are on disk."""
        return (
            torch.from_numpy(self._dataset.stamps(rows)),
            torch.from_numpy(self._dataset.columns(self._problem.conditions, rows)),
            torch.from_numpy(self._dataset.columns(self._problem.truths, rows)),
        )

    def presented(
        self, stamp_bhw: Tensor, conditions_bc: Tensor, truth_bp: Tensor, generator: torch.Generator
    ) -> Batch:
        """Stored images as one presentation shows them."""
        stamp_bhw, conditions_bc, truth_bp = (
            tensor.to(self._device, non_blocking=True) for tensor in (stamp_bhw, conditions_bc, truth_bp)
        )
        simulation = self._settings.simulate
        stamp_bhw, conditions_bc = self._problem.draw_afresh(
            stamp_bhw, conditions_bc, truth_bp, generator, self._settings
        )
        stamp_bhw, truth_bp = self._problem.augment(stamp_bhw, truth_bp, generator)
        image_bhw = self._problem.observe(stamp_bhw, conditions_bc, generator, simulation)
        return Batch(image_bhw, stamp_bhw, conditions_bc, truth_bp)


def observed_validation(
    problem: Problem, dataset: Dataset, settings: ProblemSettings, device: torch.device
) -> list[Batch]:
    """The validation split under noise that is the same at every call, in batches."""
    rows = dataset.rows("validation")
    batches = Batches(problem, dataset, settings, rows=rows, batch_size=len(rows), device=device)
    stamp_bhw, conditions_bc, truth_bp = batches.stored(rows)
    generator = torch.Generator().manual_seed(settings.simulate.seed)
    image_bhw = problem.observe(stamp_bhw, conditions_bc, generator, settings.simulate)
    parts = (torch.split(tensor.to(device), 256) for tensor in (image_bhw, stamp_bhw, conditions_bc, truth_bp))
    return [Batch(*part) for part in zip(*parts, strict=True)]
