"""Departures from what a model is trained on, one assumption at a time: what failure maps are measured at.

    for value in axis.values:
        images = axis.draw(value)
        batches = observed(problem, images.stored, settings, seed=[7], device=device, delivery=images.delivery)

The same objects are seen under the same noise at every value. How errors are measured is each kind's own affair
(`numbers/failure_maps.py`, `along_axes.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evidence.intervals import Array
from components.fields import Batch, Problem, Seeds, present, row_seeds, shown_at_once

if TYPE_CHECKING:
    import torch

    from models.fields import Arrays

__label__ = "failures"


Delivery = Callable[["Arrays", "Arrays", Seeds], "Arrays"]
"""From what a model would be given of some images, their stored fields and a seed for each of them to what it is given
of them: the same for the same seeds, in any batch."""


def as_taken(inputs: "Arrays", stored: "Arrays", seed_b: Seeds) -> "Arrays":  # noqa: ARG001
    """Images are given as they were taken."""
    return inputs


@dataclass(frozen=True, kw_only=True, eq=False)
class FailureImages:
    """The objects at one value of an axis, which may be the very same on another."""

    stored: Mapping[str, np.ndarray[Any, Any]]
    """The stored fields: images without noise as they truly are, conditions as the model is told."""
    bound: Array | None = None
    """Of the image as it truly is, shape (images, truths), where errors are counted in bounds."""
    delivery: Delivery = as_taken
    """What befalls images after their noise was drawn."""
    limit_power: Array | None = None
    """Share of the noise's realisations in which the best possible test of one image, with 1 % false alarms, finds the
    departure, shape (images,); None where nothing departs from what a model knows."""


@dataclass(frozen=True, kw_only=True)
class FailureAxis:
    """One assumption of the training, and departures from it."""

    name: str
    label: str
    """With its unit."""
    case: Callable[[float], str]
    """What a value is called in a sentence, such as `a neighbour 8 pixels away`."""
    values: tuple[float, ...]
    """Ascending."""
    trained: tuple[float, float]
    """The values that training images had."""
    draw: Callable[[float], FailureImages]


def observed(
    problem: Problem,
    stored: Mapping[str, np.ndarray[Any, Any]],
    settings: Any,
    *,
    seed: Sequence[int],
    device: "torch.device",
    count: int | None = None,
    delivery: Delivery = as_taken,
) -> Iterator[Batch]:
    """Objects that no dataset holds, under noise.

    Args:
        problem: draws the noise.
        stored: its stored fields, rows first.
        settings: the problem's.
        seed: of the noise.
        device: where batches lie.
        count: how often a single object is seen; each of several is seen once.
        delivery: what befalls images after their noise was drawn, by the seeds of that noise.
    """
    import torch

    rows = len(next(iter(stored.values()))) if count is None else count
    kinds = {field.name: field.dtype for field in problem.stored(settings.simulate)}
    together = shown_at_once(problem, settings, device)
    for start in range(0, rows, together):
        numbers = np.arange(start, min(start + together, rows))
        taken = np.zeros_like(numbers) if count is not None else numbers
        arrays = {name: torch.from_numpy(np.asarray(array[taken], dtype=kinds[name])) for name, array in stored.items()}
        seed_b = row_seeds(seed, numbers)
        batch = present(problem, arrays, seed_b, settings, training=False, device=device)
        there = {name: array.to(device) for name, array in arrays.items()}
        yield Batch(delivery(batch.inputs, there, seed_b), batch.targets)
