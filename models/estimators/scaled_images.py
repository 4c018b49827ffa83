"""What estimators of one image have in common: its inputs, its noise, and what a network is shown of them.

    class MaskEstimator(ImageInputEstimator):
        def forward(self, inputs): ... self.network(self.map_channels(inputs))

A network sees the image in units of its noise, and the logarithms of the conditions; where it answers with maps, each
condition is a channel of its own, and so is where a pixel lies, if that says something. Shape suffixes: b batch,
h height, w width, c channels or conditions.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.estimators.border_noise import completed, estimated_noise
from models.estimators.channels import channel_count, image_channels
from models.estimators.estimator import Estimator
from models.estimators.familiar import FamiliarImages, brighter
from models.estimators.input_ranges import input_doubts, pushed_beyond, summaries
from models.fields import Arrays, Field

__label__ = "scaled_images"


class ImageInputEstimator(Estimator):
    """A network that is shown one image and the conditions that it was taken under.

    Args:
        config: with the keys
            size: pixels on a side;
            unit: of the image;
            noise: name of the condition that is the noise of a pixel, in the image's unit, or None;
            scale: where noise is None, the number in the image's unit that takes its place; None for images of counts,
                which tell their noise;
            conditions: list of {name, unit, mean, sd}, mean and sd of the condition's logarithm, 0 and 1 by default;
                and estimated, not by default, where the noise may be left out and is estimated from the image;
            places: whether a network is told where each pixel lies; not, by default;
            familiar: as `FamiliarImages` takes it, or None, the default, where ranges of the inputs are enough.

    Raises:
        ValueError: when the noise is no condition, or the scale is not above 0.
    """

    condition_mean: Tensor
    condition_sd: Tensor
    places_chw: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        conditions, noise = config["conditions"], config["noise"]
        self.size = int(config["size"])
        self.condition_names = tuple(condition["name"] for condition in conditions)
        if noise is not None and noise not in self.condition_names:
            raise ValueError(f"noise = {noise!r}: must be one of the conditions {', '.join(self.condition_names)}")
        self._estimated = estimated_noise(config)
        self._scale: float | None = config.get("scale")
        if noise is None and self._scale is not None and not self._scale > 0:
            raise ValueError(f"noise = None and scale = {self._scale!r}: scale must be above 0, or None for counts")
        self.familiar = FamiliarImages(config["familiar"]) if config.get("familiar") else None
        for name, values in {
            "condition_mean": [condition.get("mean", 0.0) for condition in conditions],
            "condition_sd": [condition.get("sd", 1.0) for condition in conditions],
        }.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)
        places_chw = _places(self.size) if config.get("places", False) else torch.empty(0, self.size, self.size)
        self.register_buffer("places_chw", places_chw, persistent=False)

    @property
    def counts(self) -> bool:
        """Whether images are counts."""
        return self.config["noise"] is None and self._scale is None

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The image, and the conditions that it was taken under."""
        conditions = self.config["conditions"]
        return (
            Field(name="image", shape=(self.size, self.size), unit=self.config["unit"]),
            *(
                Field(name=c["name"], unit=c.get("unit", ""), limits=(0, None), estimated=c.get("estimated", False))
                for c in conditions
            ),
        )

    def completed(self, inputs: Arrays) -> tuple[Arrays, dict[str, Tensor]]:
        """With the noise of the image's border where none is stated."""
        return (inputs, {}) if self._estimated is None else completed(inputs, self._estimated)

    @property
    def map_channel_count(self) -> int:
        """Channels that `map_channels` makes."""
        return channel_count(counts=self.counts) + len(self.condition_names) + len(self.places_chw)

    @property
    def typical_noise(self) -> float:
        """Noise of a usual image, in its unit; 0 where the configuration does not tell."""
        if self.config["noise"] is None:
            return self._scale or 1.0
        condition = self.config["conditions"][self.condition_names.index(self.config["noise"])]
        return math.exp(condition["mean"]) if "mean" in condition else 0.0

    def noise(self, inputs: Arrays) -> Tensor:
        """Noise of a pixel of each image, or what takes its place, shape (b,); 1 for counts."""
        if self.config["noise"] is None:
            return torch.full_like(inputs["image"][:, 0, 0], self._scale or 1.0)
        return inputs[self.config["noise"]]

    def image_channels(self, inputs: Arrays) -> Tensor:
        """The image as a network is shown it, shape (b, c, h, w)."""
        return image_channels(inputs["image"], None if self.counts else self.noise(inputs))

    def conditions(self, inputs: Arrays) -> Tensor:
        """Logarithms of the conditions, of mean 0 and sd 1 over the prior, shape (b, c)."""
        if not self.condition_names:
            return torch.empty_like(inputs["image"][:, 0, :0])
        conditions_bc = torch.stack([inputs[name] for name in self.condition_names], dim=1)
        return (conditions_bc.log() - self.condition_mean) / self.condition_sd

    def map_channels(self, inputs: Arrays) -> Tensor:
        """The image's channels, one a condition with the same value in every pixel, and places; (b, c, h, w)."""
        image_bchw = self.image_channels(inputs)
        conditions_bchw = self.conditions(inputs)[:, :, None, None].expand(-1, -1, self.size, self.size)
        places_bchw = self.places_chw.expand(len(image_bchw), -1, -1, -1)
        return torch.cat([image_bchw, conditions_bchw, places_bchw], dim=1)

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:
        """For each image the inputs outside of the ranges that the model was measured in, and what is unfamiliar.

        Args:
            inputs: as of `forward`.
            outputs: what `forward` made of them.
            region: `inputs` as `input_ranges.py` reads it.
        """
        said = input_doubts(region, summaries(inputs, self.noise(inputs)))
        if self.familiar is not None:
            found = self.familiar.doubts(outputs, inputs["image"])
            said = [[*first, *second] for first, second in zip(found, said, strict=True)]
        return said

    def doubtful(self, inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:
        """The same inputs far above the region: the image too loud for its noise, each condition beyond its range."""
        changed = pushed_beyond(inputs, region, self.noise)
        return changed if self.familiar is None else {**changed, "image": brighter(changed["image"])}

    def familiar_fields(self) -> tuple[Field, ...]:
        """What an answer says of how familiar its image is."""
        return () if self.familiar is None else self.familiar.fields

    def familiar_arrays(self, inputs: Arrays) -> dict[str, Tensor]:
        """The same as arrays."""
        return {} if self.familiar is None else self.familiar.arrays(inputs["image"])


def _places(size: int) -> Tensor:
    """Where each pixel lies: from −1 to 1, right and up, how far either, and how far from the centre; (c, h, w)."""
    up_hw, right_hw = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    return torch.stack([right_hw, up_hw, right_hw.abs(), up_hw.abs(), torch.hypot(right_hw, up_hw)])
