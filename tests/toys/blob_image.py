"""`blob-image`: a noisy image of a blob without its noise; a problem of the kind `image`, for tests."""

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

__label__ = "blob_image"

_NOISE = 1.0
"""Of a pixel."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobSettings(SimulationSettings):
    """The `simulate` section."""

    size: int
    """Pixels on a side."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlobImageSettings(ProblemSettings):
    """The whole section."""

    simulate: BlobSettings


class BlobImage(MeasuredProblem):
    """The blob without its noise."""

    name = "blob-image"
    settings: ClassVar[type[ProblemSettings]] = BlobImageSettings

    def stored(self, settings: Any) -> tuple[Field, ...]:
        """The blob without noise, and the noise that it is to have."""
        return (*self.targets(settings), _SIGMA)

    def inputs(self, settings: Any) -> tuple[Field, ...]:
        """The noisy image and its noise."""
        return (Field(name="image", shape=(settings.size, settings.size)), _SIGMA)

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """The image without noise."""
        return (Field(name="clean_image", shape=(settings.size, settings.size)),)

    def draw(self, settings: Any, split: str, rows: range) -> Shard:
        """Round Gaussians anywhere, of any width."""
        numbers = rounded(random_numbers(drawing_seeds(settings, split, rows), 4, stream=0), decimals=4)
        x, y, width, sigma = (np.array((3, 3, 1, 0.5)) + numbers * (10, 10, 2, 1.5)).T[:, :, None, None]
        down, right = np.mgrid[: settings.size, : settings.size]
        clean = 8 * np.exp(-(np.square(right - x) + np.square(down - y)) / (2 * width**2))
        arrays = {"clean_image": rounded(clean, decimals=4).astype(np.float32)}
        return Shard(columns=pd.DataFrame({"sigma": sigma.ravel()}), arrays=arrays)

    def reference(self, settings: Any) -> dict[str, Any]:
        """The first blobs."""
        return {"clean_image": self.draw(settings, "train", range(4)).arrays["clean_image"]}

    def present(self, stored: Any, seed_b: Any, settings: Any, *, training: bool) -> Any:
        """Noise on the blob; in training it is mirrored at random."""
        clean, sigma = stored["clean_image"], stored["sigma"]
        if training:
            mirrored = uniform(seed_b, (1, 1), stream=1, device=clean.device) < 0.5
            clean = torch.where(mirrored, clean.flip(2), clean)
        noise = normal(seed_b, clean.shape[1:], stream=0, device=clean.device)
        return {"image": clean + sigma[:, None, None] * noise, "sigma": sigma}, {"clean_image": clean}

    def estimator_config(self, settings: Any) -> dict[str, Any]:
        """A small U-Net."""
        return {
            "kind": "image", "network": settings.train.network, "width": settings.train.width,
            "size": settings.simulate.size, "unit": "", "noise": "sigma",
            "conditions": [{"name": "sigma", "mean": 0.0, "sd": 0.4, "estimated": True}],
        }  # fmt: skip

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """Errors over the noise."""
        from components.evidence.images import gather_images

        return gather_images(about, noise="sigma")

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses."""
        from components.evidence.images import confirm_images

        return confirm_images(about, noise="sigma")


_SIGMA = Field(name="sigma", limits=(0, None), estimated=True)
