"""Fresh objects under pairs of opposite noise: what is linear in the noise cancels, and biases come out by themselves.

for objects in noise_pairs(problem, settings, seed=1, count=4096, pairs=2, device=device):
    objects.batches[0].inputs, objects.batches[1].inputs      # the same objects under noise, and under minus it
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from components.fields.fresh import FRESH, fresh_images
from components.fields.presenting import Batch, presented, shown_at_once
from components.fields.problem import Problem

if TYPE_CHECKING:
    import torch

    from components.core import ProblemSettings

__label__ = "paired_noise"

_IMAGE, _CLEAN = "image", "clean_image"
"""An input, and the target that is the same without noise."""


@dataclass(frozen=True, kw_only=True)
class PairedObjects:
    """Some objects."""

    catalogue: pd.DataFrame
    """One row an object."""
    batches: tuple[Batch, ...]
    """The objects under noise, under minus that noise, under another, under minus that, …"""


def noise_pairs(
    problem: Problem, settings: "ProblemSettings", *, seed: int, count: int, pairs: int, device: "torch.device"
) -> Iterator[PairedObjects]:
    """Draw objects, and present each under so many pairs of opposite noise.

    Args:
        problem: whose simulator; noise must be symmetric, and a target be the image without it.
        settings: the problem's.
        seed: of objects and noise.
        count: of objects.
        pairs: of images of each.
        device: where batches lie.
    """
    for images in fresh_images(problem, settings, seed=seed, count=count):
        rows, noise = images.dataset.rows(FRESH), images.settings.evaluate.seed
        seen = [
            presented(problem, images.dataset, images.settings, rows, seed=[noise, pair], device=device)
            for pair in range(pairs)
        ]
        together = shown_at_once(problem, settings, device)
        for number, batches in enumerate(zip(*seen, strict=True)):
            chosen = images.dataset.catalogue.iloc[number * together : (number + 1) * together]
            yield PairedObjects(
                catalogue=chosen, batches=tuple(one for batch in batches for one in (batch, opposite(batch)))
            )


def opposite(batch: Batch) -> Batch:
    """The same images under minus their noise."""
    return replace(batch, inputs={**batch.inputs, _IMAGE: 2 * batch.targets[_CLEAN] - batch.inputs[_IMAGE]})
