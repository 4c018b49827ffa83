"""`blob-mask`: which pixels of a noisy image belong to a disc; a problem of the kind `mask`, for tests."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings, SimulationSettings
from components.fields import Evaluation, Problem, Shard, normal, shard_rows, split_of, uniform
from models.fields import Field

__label__ = "blob_mask"

_NOISE = 1.0
"""Of a pixel."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobSettings(SimulationSettings):
    """The `simulate` section."""

    size: int
    """Pixels on a side."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobMaskSettings(ProblemSettings):
    """The whole section."""

    simulate: BlobSettings


class BlobMask(Problem):
    """Which pixels belong to the disc."""

    name = "blob-mask"
    settings: ClassVar[type[ProblemSettings]] = BlobMaskSettings

    def stored(self, settings: Any) -> tuple[Field, ...]:
        """Which pixels belong to the disc, and how bright they are."""
        return (*self.targets(settings), Field(name="brightness"))

    def inputs(self, settings: Any) -> tuple[Field, ...]:
        """The noisy image."""
        return (Field(name="image", shape=(settings.size, settings.size)),)

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """The mask."""
        return (Field(name="mask", shape=(settings.size, settings.size)),)

    def draw_shard(self, settings: Any, shard: int) -> Shard:
        """Discs anywhere, of any size."""
        rows, rng = shard_rows(settings, shard), np.random.default_rng([settings.seed, shard])
        x, y, radius, brightness = rng.uniform((3, 3, 2, 2), (13, 13, 5, 6), (len(rows), 4)).T[:, :, None, None]
        down, right = np.mgrid[: settings.size, : settings.size]
        mask = np.hypot(right - x, down - y) < radius
        columns = {"brightness": brightness.ravel(), "radius": radius.ravel()}
        table = pd.DataFrame(columns).assign(split=[split_of(settings, row) for row in rows])
        return Shard(columns=table, arrays={"mask": mask.astype(np.float32)})

    def reference(self, settings: Any) -> dict[str, Any]:
        """The first discs."""
        return {"mask": self.draw_shard(settings, 0).arrays["mask"][:4]}

    def present(self, stored: Any, seed_b: Any, settings: Any, *, training: bool) -> Any:
        """Noise on the disc; in training it is mirrored at random."""
        mask = stored["mask"]
        if training:
            mirrored = uniform(seed_b, (1, 1), stream=1, device=mask.device) < 0.5
            mask = torch.where(mirrored, mask.flip(2), mask)
        noise = normal(seed_b, mask.shape[1:], stream=0, device=mask.device)
        return {"image": stored["brightness"][:, None, None] * mask + _NOISE * noise}, {"mask": mask}

    def estimator_config(self, settings: Any) -> dict[str, Any]:
        """A small U-Net."""
        return {
            "kind": "mask", "network": settings.train.network, "width": settings.train.width,
            "size": settings.simulate.size, "unit": "", "noise": None, "scale": _NOISE, "conditions": [],
        }  # fmt: skip

    def evaluate(
        self, answer: Any, dataset: Any, settings: Any, *, device: Any, cache: Any, progress: Any
    ) -> Evaluation:
        """Dice and Brier score, by size of the disc."""
        from components.evidence.masks import gather_masks

        slices = {"small": ("radius", 2, 3.5), "large": ("radius", 3.5, 5)}
        return gather_masks(
            self, answer, dataset, settings, device=device, progress=progress, noise=_NOISE, slices=slices
        )
