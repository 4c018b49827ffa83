"""From an image to the one without its noise, the error of each pixel, and which kind of noise it was.

    estimator = DenoisedEstimator(config)
    outputs = estimator({"image": image_bhw})      # {"restored": …, "restored_error": …, "noise_kind": (b, k)}

Images come in any unit: they are divided by their own maximum, and answers multiplied by it. A network says of each
pixel what it finds there and how much of what was seen is to be kept: all of one that was spared, none of one that was
lost. One with a bottleneck keeps nothing, since all is to go through that. Shape suffixes: b batch, h height, w width,
k kinds of noise, m maps.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.devices import images_at_once
from models.estimators.denoised.noise_kind import NoiseKind
from models.estimators.denoised.spoilt_channels import CHANNELS, spoilt_channels
from models.estimators.familiar import FamiliarImages, brighter
from models.estimators.scaled_images import ImageInputEstimator
from models.fields import Arrays, Field
from models.map_networks import find_map_network

__label__ = "denoised_estimator"

_LOG_SD = (-9.0, 1.0)
"""Range of the logarithm of a pixel's error over the image's maximum."""
_MAPS = 3
"""What is found, how much of what was seen is kept, and the logarithm of the error."""
_USUAL = 2e-4
"""Mean squared error, over the maximum's square, that counts as one in the loss."""
_LEAST = 1e-6
_COVERED = 0.6827
"""Share of truths that stated errors hold."""
_JUDGED = 512
"""Images whose pixels say how far errors are off."""
_AT_ONCE = 64
"""Images of a batch, in calibration on the processor."""
TOLERANCE = 1e-3
"""Of the stated error, and of probabilities: how far the same model may answer otherwise on another processor."""


class DenoisedEstimator(ImageInputEstimator):
    """A network with its units.

    Args:
        config: as of `ImageInputEstimator` without noise and conditions, and
            network, width: which of `models.map_networks`, how wide;
            noises: names of the kinds of noise;
            own_maximum: whether images are divided by their own maximum; else they come with that of the clean image
                as 1, which is known in exercises only.

    Raises:
        ValueError: when no kind of noise is named.
    """

    error_scale_k: Tensor
    """What stated errors are multiplied by for each kind of noise; 1 until `calibrate`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        familiar = config.get("familiar")
        super().__init__({**config, "noise": None, "conditions": [], "scale": 1.0, "familiar": None})
        self.config["familiar"] = familiar  # of each kind of noise its own
        self.noises = tuple(config["noises"])
        if not self.noises:
            raise ValueError("noises = []: must name at least one kind")
        self.network = find_map_network(config["network"])(
            channels=self.map_channel_count, maps=_MAPS, width=int(config["width"])
        )
        self._keeps = not getattr(self.network, "BOTTLENECK", False)
        self.kind = NoiseKind(kinds=len(self.noises), width=int(config["width"]))
        self.familiars = nn.ModuleList(FamiliarImages(familiar) for _ in self.noises) if familiar else None
        self.register_buffer("error_scale_k", torch.ones(len(self.noises)))

    @property
    def map_channel_count(self) -> int:
        """Those of `spoilt_channels`."""
        return CHANNELS

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The image without noise, the root mean square error of each of its pixels, and the noise."""
        shared: dict[str, Any] = {
            "shape": (self.size, self.size), "unit": self.config["unit"], "relative": TOLERANCE,
            "absolute": _LEAST, "of": "restored_error",
        }  # fmt: skip
        kinds: dict[str, Any] = {
            "shape": (len(self.noises),), "labels": self.noises, "limits": (0, 1), "absolute": TOLERANCE,
        }  # fmt: skip
        return (
            Field(name="restored", **shared),
            Field(name="restored_error", limits=(0, None), **shared),
            Field(name="noise_kind", **kinds),
            *(() if self.familiars is None else self._familiar(0).fields),
        )

    @property
    def targets(self) -> tuple[Field, ...]:
        """The image without noise, and the number of its kind."""
        return (
            Field(name="clean_image", shape=(self.size, self.size), unit=self.config["unit"]),
            Field(name="noise_kind", dtype="int64", labels=self.noises),
        )

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        maximum_b11 = self._maximum(inputs)
        restored_bhw, log_sd_bhw, logit_bk = self._answer(inputs["image"] / maximum_b11)
        chance_bk = logit_bk.softmax(dim=1).clamp(_LEAST, 1 - _LEAST)
        scale_b11 = (chance_bk @ self.error_scale_k)[:, None, None]
        return {
            "restored": maximum_b11 * restored_bhw,
            "restored_error": maximum_b11 * scale_b11 * log_sd_bhw.exp(),
            "noise_kind": chance_bk,
            **self._familiar_arrays(inputs["image"], chance_bk),
        }

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Squared error, what the stated error loses by it, and cross entropy of the noise, shape (b,).

        The mean learns by the squared error alone: weighted by stated errors, faint pixels would be all that counts.
        """
        maximum_b11 = self._maximum(inputs)
        restored_bhw, log_sd_bhw, logit_bk = self._answer(inputs["image"] / maximum_b11)
        miss_bhw = restored_bhw - targets["clean_image"] / maximum_b11
        pull_bhw = miss_bhw.detach() * (-log_sd_bhw).exp()
        of_error_b = (pull_bhw.square() / 2 + log_sd_bhw).mean(dim=(1, 2))
        of_kind_b = functional.cross_entropy(logit_bk, targets["noise_kind"], reduction="none")
        return miss_bhw.square().mean(dim=(1, 2)) / _USUAL + of_error_b + of_kind_b

    def learn_ordinary(self, kind: int, image_bhw: Tensor, clean_bhw: Tensor) -> None:
        """Errors that hold 68 %, and what ordinary images are like, under one kind of noise, by fresh ones.

        Args:
            kind: number of the noise.
            image_bhw: with it, as many as `FamiliarImages` wants.
            clean_bhw: without.
        """
        pulls = []
        together = images_at_once(image_bhw.device, image_bhw[0].numel(), on_cpu=_AT_ONCE)
        with torch.inference_mode():
            parts = zip(image_bhw[:_JUDGED].split(together), clean_bhw[:_JUDGED].split(together), strict=True)  # type: ignore[no-untyped-call]
            for seen_bhw, wanted_bhw in parts:
                maximum_b11 = self._maximum({"image": seen_bhw})
                restored_bhw, log_sd_bhw, _ = self._answer(seen_bhw / maximum_b11)
                pulls.append(((restored_bhw - wanted_bhw / maximum_b11).abs() * (-log_sd_bhw).exp()).flatten())
        pull_n = torch.cat(pulls).sort().values
        self.error_scale_k[kind] = pull_n[int(_COVERED * len(pull_n))]
        if self.familiars is not None:
            self._familiar(kind).learn(_scaled(image_bhw))

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:  # noqa: ARG002
        """For each image what is unfamiliar, under the kind of noise that it most likely has, and a wrong unit."""
        said = [self._unit_doubts(float(most)) for most in inputs["image"].amax(dim=(1, 2))]
        if self.familiars is None:
            return said
        scaled_bhw, kind_b = _scaled(inputs["image"]), outputs["noise_kind"].argmax(dim=1)
        for kind in range(len(self.noises)):
            rows = (kind_b == kind).nonzero()[:, 0]
            if len(rows):
                part = {name: outputs[name][rows] for name in ("p_value", "departure_p_value")}
                for row, lines in zip(rows.tolist(), self._familiar(kind).doubts(part, scaled_bhw[rows]), strict=True):
                    said[row] = [*lines, *said[row]]
        return said

    def _unit_doubts(self, most: float) -> list[str]:
        if self.config["own_maximum"] or most <= 1:
            return []
        return [
            f"the largest pixel is {most:.3g}: this model was trained on images divided by the clean one's, at most 1"
        ]

    def doubtful(self, inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002
        """The same images with most of their light in a corner."""
        image_bhw = inputs["image"].clone()
        quarter = self.size // 4
        image_bhw[:, :quarter, :quarter] = brighter(image_bhw[:, :quarter, :quarter])
        return {**inputs, "image": image_bhw}

    def _familiar(self, kind: int) -> FamiliarImages:
        assert self.familiars is not None
        found = self.familiars[kind]
        assert isinstance(found, FamiliarImages)
        return found

    def _familiar_arrays(self, image_bhw: Tensor, chance_bk: Tensor) -> dict[str, Tensor]:
        """How familiar each image is, under the likeliest noise."""
        if self.familiars is None:
            return {}
        scaled_bhw, kind_b = _scaled(image_bhw), chance_bk.argmax(dim=1)
        found: dict[str, Tensor] = {}
        for kind in range(len(self.noises)):
            here_b = kind_b == kind
            for name, array in self._familiar(kind).arrays(scaled_bhw).items():
                before = found.get(name, torch.zeros_like(array))
                found[name] = torch.where(here_b.view(-1, *[1] * (array.ndim - 1)), array, before)
        return found

    def _maximum(self, inputs: Arrays) -> Tensor:
        """What images are divided by, shape (b, 1, 1)."""
        if not self.config["own_maximum"]:
            return torch.ones_like(inputs["image"][:, :1, :1])
        return inputs["image"].amax(dim=(1, 2), keepdim=True).clamp_min(_LEAST)

    def _answer(self, scaled_bhw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """In units of the maximum: image, logarithm of its error; and logits of the noise."""
        maps_bmhw: Tensor = self.network(spoilt_channels(scaled_bhw))
        found_bhw, kept_bhw, log_sd_bhw = maps_bmhw.unbind(1)
        if self._keeps:
            found_bhw = found_bhw + kept_bhw.sigmoid() * (scaled_bhw - found_bhw)
        return found_bhw, log_sd_bhw.clamp(*_LOG_SD), self.kind(scaled_bhw)


def _scaled(image_bhw: Tensor) -> Tensor:
    """Images of a mean of a hundred counts, for shares of their light."""
    mean_b11 = image_bhw.clamp_min(0).mean(dim=(1, 2), keepdim=True)
    return 100 * image_bhw.clamp_min(0) / mean_b11.clamp_min(_LEAST)
