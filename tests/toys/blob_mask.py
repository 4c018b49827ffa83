"""`blob-mask`: which pixels of a noisy image belong to a disc; a problem of the kind `mask`, for tests."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings, SimulationSettings
from components.evidence import MeasuredProblem, Measuring, Slices
from components.fields import (
    Confirmation,
    Evaluation,
    Shard,
    drawing_seeds,
    normal,
    random_numbers,
    rounded,
    uniform,
)
from models.fields import Field

__label__ = "blob_mask"

_NOISE = 1.0
"""Of a pixel."""
_SLICES = {"small": ("radius", 2, 3.5), "large": ("radius", 3.5, 5)}


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobSettings(SimulationSettings):
    """The `simulate` section."""

    size: int
    """Pixels on a side."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobMaskSettings(ProblemSettings):
    """The whole section."""

    simulate: BlobSettings


class BlobMask(MeasuredProblem):
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

    def draw(self, settings: Any, split: str, rows: range) -> Shard:
        """Discs anywhere, of any size."""
        numbers = rounded(random_numbers(drawing_seeds(settings, split, rows), 4, stream=0), decimals=4)
        x, y, radius, brightness = (np.array((3, 3, 2, 2)) + numbers * (10, 10, 3, 4)).T[:, :, None, None]
        down, right = np.mgrid[: settings.size, : settings.size]
        mask = np.square(right - x) + np.square(down - y) < radius**2  # of which every machine makes the same
        columns = {"brightness": brightness.ravel(), "radius": radius.ravel()}
        return Shard(columns=pd.DataFrame(columns), arrays={"mask": mask.astype(np.float32)})

    def reference(self, settings: Any) -> dict[str, Any]:
        """The first discs."""
        return {"mask": self.draw(settings, "train", range(4)).arrays["mask"]}

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

    def slices(self, settings: Any) -> Slices:
        """By size of the disc."""
        return _SLICES

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """Dice and Brier score, by size of the disc."""
        from components.evidence.masks import gather_masks

        return gather_masks(about, noise=_NOISE)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses."""
        from components.evidence.masks import confirm_masks

        return confirm_masks(about)
