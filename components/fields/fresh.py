"""Images that no dataset holds, drawn when they are wanted and forgotten afterwards: what nobody can have learned.

    for images in fresh_images(problem, settings, seed=20261126, count=4096):
        confirmation = problem.confirm(answer, images.dataset, images.settings, …)

Each part is a dataset in memory of at most `shard_size` images, all of them of the confirmation split, with settings
whose noise is the part's own. The same seed draws the same images on every machine.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.fields.dataset import Dataset
from components.fields.presenting import Batch, presented
from components.fields.problem import Problem, Shard

if TYPE_CHECKING:
    import torch

    from components.core import ProblemSettings

__label__ = "fresh"

FRESH = "confirmation"
"""The split that they count as."""


@dataclass(frozen=True, kw_only=True)
class DrawnDataset(Dataset):
    """A dataset that was never written."""

    shard: Shard

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """One row an image."""
        return self.shard.columns.assign(split=FRESH).reset_index(drop=True)

    @cached_property
    def shards(self) -> dict[str, list[np.ndarray[Any, Any]]]:
        """The one shard of each array."""
        return {name: [array] for name, array in self.shard.arrays.items()}


@dataclass(frozen=True, kw_only=True)
class FreshImages:
    """Some of them."""

    dataset: DrawnDataset
    settings: "ProblemSettings"
    """The problem's, with a seed for their noise."""


def fresh_images(problem: Problem, settings: "ProblemSettings", *, seed: int, count: int) -> Iterator[FreshImages]:
    """Draw images part by part.

    Args:
        problem: whose simulator.
        settings: the problem's.
        seed: of the images and of their noise.
        count: how many in all.
    """
    drawing = replace(settings.simulate, seed=seed)
    size = settings.simulate.shard_size
    for number, start in enumerate(range(0, count, size)):
        shard = problem.draw(drawing, FRESH, range(start, min(start + size, count)))
        noise = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        yield FreshImages(
            dataset=DrawnDataset(folder=Path("fresh images"), manifest={}, shard=shard),
            settings=replace(settings, evaluate=replace(settings.evaluate, seed=noise)),
        )


def fresh_seed(*parts: object) -> int:
    """A seed that follows from what images are for, so that none of them serve another purpose."""
    return int.from_bytes(hashlib.sha256(" ".join(map(str, parts)).encode()).digest()[:4], "big")


def fresh_batches(
    problem: Problem, settings: "ProblemSettings", *, seed: int, count: int, device: "torch.device"
) -> Iterator[Batch]:
    """The same as a model is shown them."""
    for images in fresh_images(problem, settings, seed=seed, count=count):
        rows, noise = images.dataset.rows(FRESH), [images.settings.evaluate.seed]
        yield from presented(problem, images.dataset, images.settings, rows, seed=noise, device=device)
