"""A dataset's images as a model is shown them: read a batch at a time, noise by each row's own seed.

    for batch in presented(problem, dataset, settings, dataset.rows("test"), seed=[7], device=device):
        outputs = estimator(batch.inputs)

Nothing grows with the number of images, and what is drawn depends on neither batches, order nor device.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.fields.borders import require_fields
from components.fields.randomness import Seeds, row_seeds

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from components.core import ProblemSettings
    from components.fields.dataset import Dataset
    from components.fields.problem import Problem

__label__ = "presenting"

_IMAGES, _VALUES = 256, 2**20
"""Images shown at once on the processor where nobody asks for another number; of large ones, no more than have so many
values."""


@dataclass(frozen=True)
class Batch:
    """What is shown at once, by the names of the fields."""

    inputs: "Mapping[str, Tensor]"
    targets: "Mapping[str, Tensor]"

    @property
    def count(self) -> int:
        """Number of images."""
        return len(next(iter(self.inputs.values())))


def presented(
    problem: "Problem",
    dataset: "Dataset",
    settings: "ProblemSettings",
    rows: np.ndarray[Any, Any],
    *,
    seed: Sequence[int],
    device: "torch.device",
    batch: int | None = None,
) -> Iterator[Batch]:
    """Rows as a camera would have seen them, in their order; symmetries and conditions are left as they are.

    Args:
        problem: whose `present` draws what is random.
        dataset: the images.
        settings: the problem's.
        rows: row numbers.
        seed: that the rows' own seeds come from.
        device: where batches lie.
        batch: images at once; by default as many as are no burden.

    Raises:
        AssayError: when what is shown is not what the problem's fields say.
    """
    batch = batch or shown_at_once(problem, settings, device)
    for part in np.split(rows, range(batch, len(rows), batch)):
        stored = read_stored(problem, dataset, settings, part)
        yield present(problem, stored, row_seeds(seed, part), settings, training=False, device=device)


def shown_at_once(problem: "Problem", settings: "ProblemSettings", device: "torch.device") -> int:
    """Images of a problem that are no burden together to a device."""
    from models.devices import images_at_once

    largest = max(math.prod(field.shape) for field in problem.inputs(settings.simulate))
    return images_at_once(device, largest, on_cpu=max(1, min(_IMAGES, _VALUES // largest)))


def read_stored(
    problem: "Problem", dataset: "Dataset", settings: "ProblemSettings", rows: np.ndarray[Any, Any]
) -> "dict[str, Tensor]":
    """What a problem has stored of some rows."""
    return dataset.read([field.name for field in problem.stored(settings.simulate)], rows)


def present(
    problem: "Problem",
    stored: "Mapping[str, Tensor]",
    seed_b: Seeds,
    settings: "ProblemSettings",
    *,
    training: bool,
    device: "torch.device",
) -> Batch:
    """One presentation on a device, its fields checked.

    Args:
        problem: what is shown.
        stored: its stored fields.
        seed_b: of each row.
        settings: the problem's.
        training: whether symmetries and conditions are drawn afresh, too.
        device: where to.

    Raises:
        AssayError: naming a field that is not what the problem says.
    """
    there = {name: to_device(array, device) for name, array in stored.items()}
    require_fields(there, problem.stored(settings.simulate), f"{problem.name}'s dataset")
    inputs, targets = problem.present(there, seed_b, settings, training=training)
    require_fields(inputs, problem.inputs(settings.simulate), f"{problem.name}'s batch")
    require_fields(targets, problem.targets(settings.simulate), f"{problem.name}'s targets")
    return Batch(inputs, targets)


def to_device(array: "Tensor", device: "torch.device") -> "Tensor":
    """An array of the processor's on a device, which is not waited for: a GPU copies from pinned memory by itself."""
    if device.type == "cuda" and array.device.type == "cpu" and not array.is_pinned():
        array = array.pin_memory()
    return array.to(device, non_blocking=True)
