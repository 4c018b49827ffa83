"""`blob-image`: a noisy image of a blob without its noise; a problem of the kind `image`, for tests."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings, SimulationSettings
from components.fields import Evaluation, Problem, Shard, normal, shard_rows, split_of, uniform
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


class BlobImage(Problem):
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

    def draw_shard(self, settings: Any, shard: int) -> Shard:
        """Round Gaussians anywhere, of any width."""
        rows, rng = shard_rows(settings, shard), np.random.default_rng([settings.seed, shard])
        x, y, width, sigma = rng.uniform((3, 3, 1, 0.5), (13, 13, 3, 2), (len(rows), 4)).T[:, :, None, None]
        down, right = np.mgrid[: settings.size, : settings.size]
        clean = 8 * np.exp(-(np.square(right - x) + np.square(down - y)) / (2 * width**2))
        table = pd.DataFrame({"sigma": sigma.ravel()}).assign(split=[split_of(settings, row) for row in rows])
        return Shard(columns=table, arrays={"clean_image": clean.astype(np.float32)})

    def reference(self, settings: Any) -> dict[str, Any]:
        """The first blobs."""
        return {"clean_image": self.draw_shard(settings, 0).arrays["clean_image"][:4]}

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
            "conditions": [{"name": "sigma", "mean": 0.0, "sd": 0.4}],
        }  # fmt: skip

    def evaluate(
        self, answer: Any, dataset: Any, settings: Any, *, device: Any, cache: Any, progress: Any
    ) -> Evaluation:
        """Errors over the noise."""
        from components.evidence.images import gather_images

        return gather_images(self, answer, dataset, settings, device=device, progress=progress, noise="sigma")


_SIGMA = Field(name="sigma", limits=(0, None))
