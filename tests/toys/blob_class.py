"""`blob-class`: whether there is a disc or a ring on a noisy image; a problem of the kind `classes`, for tests."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings, SimulationSettings
from components.evidence import MeasuredProblem, Measuring
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

__label__ = "blob_class"

_NOISE = 1.0
"""Of a pixel."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobSettings(SimulationSettings):
    """The `simulate` section."""

    size: int
    """Pixels on a side."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobClassSettings(ProblemSettings):
    """The whole section."""

    simulate: BlobSettings


class BlobClass(MeasuredProblem):
    """Whether it is a disc or a ring."""

    name = "blob-class"
    settings: ClassVar[type[ProblemSettings]] = BlobClassSettings

    def stored(self, settings: Any) -> tuple[Field, ...]:
        """The image without noise, and what is on it."""
        return (Field(name="clean", shape=(settings.size, settings.size)), *self.targets(settings))

    def inputs(self, settings: Any) -> tuple[Field, ...]:
        """The noisy image."""
        return (Field(name="image", shape=(settings.size, settings.size)),)

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """What is on it."""
        return (Field(name="class", dtype="int64", labels=("disc", "ring")),)

    def draw(self, settings: Any, split: str, rows: range) -> Shard:
        """Discs and rings anywhere."""
        numbers = rounded(random_numbers(drawing_seeds(settings, split, rows), 4, stream=0), decimals=4)
        x, y, brightness = (np.array((6, 6, 3)) + numbers[:, :3] * (4, 4, 3)).T[:, :, None, None]
        ring = (numbers[:, 3] < 0.5).astype(np.int64)
        down, right = np.mgrid[: settings.size, : settings.size]
        radius = np.sqrt(np.square(right - x) + np.square(down - y))  # of which every machine makes the same
        clean = brightness * np.where(ring[:, None, None] == 1, (radius > 2.5) & (radius < 5), radius < 4)
        return Shard(columns=pd.DataFrame({"class": ring}), arrays={"clean": clean.astype(np.float32)})

    def reference(self, settings: Any) -> dict[str, Any]:
        """The first of them."""
        return {"clean": self.draw(settings, "train", range(4)).arrays["clean"]}

    def present(self, stored: Any, seed_b: Any, settings: Any, *, training: bool) -> Any:
        """Noise on it; in training it is mirrored at random."""
        clean = stored["clean"]
        if training:
            mirrored = uniform(seed_b, (1, 1), stream=1, device=clean.device) < 0.5
            clean = torch.where(mirrored, clean.flip(2), clean)
        noise = normal(seed_b, clean.shape[1:], stream=0, device=clean.device)
        return {"image": clean + _NOISE * noise}, {"class": stored["class"]}

    def estimator_config(self, settings: Any) -> dict[str, Any]:
        """A plain network."""
        return {
            "kind": "classes", "network": settings.train.network, "width": settings.train.width,
            "size": settings.simulate.size, "unit": "", "noise": None, "scale": _NOISE, "conditions": [],
            "classes": ["disc", "ring"],
        }  # fmt: skip

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """Accuracy, log score and Brier score."""
        from components.evidence.classes import gather_classes

        return gather_classes(about, noise=_NOISE)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses."""
        from components.evidence.classes import confirm_classes

        return confirm_classes(about)
