"""From a picture that was resized to a fraction and back to the picture as it was, and the error of each pixel.

    estimator = UpsampledEstimator(config)
    outputs = estimator({"image": seen_bchw})      # {"restored": …, "restored_error": …, "departure": (b, 4)}

Pictures have values from 0 to 1. Without noise the small picture is known exactly, and an answer is brought to the
nearest picture that comes to it (`resizing.py`). Shape suffixes: b batch, c bands, h height, w width, t tests.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from models.estimators.estimator import Estimator
from models.estimators.upsampled.resizing import Resizing
from models.fields import Arrays, Field
from models.map_networks import find_map_network

__label__ = "upsampled_estimator"

LOSSES = ("charbonnier", "mse", "decibels")
TESTS = ("detail", "noise", "blur", "answer")
"""Ways in which a picture may be none of those that a model is for, or its answer none; above 1, it is doubted."""
_SOFT = 1e-3
"""Below this a Charbonnier loss is a squared one (Charbonnier et al. 1994)."""
_USUAL = {"charbonnier": 1e-2, "mse": 1e-3, "decibels": 1.0}
"""Losses that count as one beside that of the stated errors."""
_FLOOR = 1e-6
"""Of a mean squared error, where decibels are asked for: 60 of them are as good as more."""
_LOG_SD = (-9.0, 0.0)
"""Range of the logarithm of a pixel's error."""
_LEVELS = torch.linspace(0.001, 0.999, 400)
"""Quantiles of a picture's pixels that stand for all of them."""
_COVERED = 0.6827
"""Share of truths that stated errors hold."""
_SURPLUS = 5e-3
"""Root mean square of what resizing cannot have left, at most: pictures saved with 8 bits have 1e-3 of it."""
_NOISE = 1e-3
"""Of a pixel of a small picture, in any case: that of 8 bits."""
_BEYOND = 1.5
"""Times the noisiest and the least sharp picture that was learned from, a picture may be as noisy or blurred."""
_APART = 1e-2
"""Root mean square of the answer, resized, less the small picture, at most."""
_STEPS = 4
"""Projections, one after the other, that bring an answer near to what is both consistent and from 0 to 1."""
_MEDIAN = 0.6745
"""Of the sizes of standard normal numbers."""
_LEAST = 1e-5
TOLERANCE = 1e-3
"""Of the stated error: how far the same model may answer otherwise on another processor."""


class UpsampledEstimator(Estimator):
    """A network with its units.

    Args:
        config: with the keys
            height, width, bands: of pictures;
            factor: how many times smaller they once were;
            network, channels: which of `models.map_networks`, how wide;
            loss: of `LOSSES`;
            difference: whether a network says what to add to what it sees, and not the picture itself;
            consistent: whether answers are brought to what comes to the small picture;
            mirrored: whether an answer is the mean of those to all mirrored and, of squares, turned pictures.

    Raises:
        ValueError: when there is no such loss, or the factor does not divide the sides.
    """

    error_scale: Tensor
    """What stated errors are multiplied by; 1 until `learn_ordinary`."""
    noise_limit: Tensor
    """Noise of a pixel of a small picture, at most."""
    sharpness_limit: Tensor
    """Root mean square of the finest differences of a small picture over that of all its pixels, at least."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        if config["loss"] not in LOSSES:
            raise ValueError(f"loss = {config['loss']!r}: must be one of {', '.join(LOSSES)}")
        self._shape = tuple(int(config[name]) for name in ("bands", "height", "width"))
        bands, height, width = self._shape
        self.resizing = Resizing(height=height, width=width, factor=int(config["factor"]))
        # One map more than bands: errors of a pixel's bands are as large as each other.
        self.network = find_map_network(config["network"])(
            channels=bands, maps=bands + 1, width=int(config["channels"])
        )
        self.register_buffer("error_scale", torch.ones(()))
        self.register_buffer("noise_limit", torch.tensor(_NOISE))
        self.register_buffer("sharpness_limit", torch.tensor(0.0))

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The picture as it is after resizing."""
        return (Field(name="image", shape=self._shape),)

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The picture as it was, what holds 68 % of each pixel's errors, and how unlike others its input is."""
        shared: dict[str, Any] = {
            "shape": self._shape, "absolute": _LEAST, "relative": TOLERANCE, "of": "restored_error",
        }  # fmt: skip
        return (
            Field(name="restored", **shared),
            Field(name="restored_error", limits=(0, None), **shared),
            Field(name="departure", shape=(len(TESTS),), labels=TESTS, absolute=TOLERANCE, relative=TOLERANCE),
        )

    @property
    def targets(self) -> tuple[Field, ...]:
        """The picture as it was."""
        return (Field(name="picture", shape=self._shape),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        restored_bchw, log_sd_b1hw = self._within(inputs["image"])
        return {
            "restored": restored_bchw,
            "restored_error": (self.error_scale * log_sd_b1hw.exp()).expand_as(restored_bchw),
            "departure": self._departures(inputs["image"], restored_bchw),
        }

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """The loss that is asked for, and what the stated error loses by it, shape (b,).

        The picture learns by the former alone: weighted by stated errors, dark sky would be all that counts.
        """
        found_bchw, log_sd_b1hw = self._answer(inputs["image"])
        miss_bchw = found_bchw - targets["picture"]
        pull_bchw = miss_bchw.detach() * (-log_sd_b1hw).exp()
        of_error_b = (pull_bchw.square() / 2 + log_sd_b1hw).mean(dim=(1, 2, 3))
        return self._lost(miss_bchw) / _USUAL[self.config["loss"]] + of_error_b

    def _lost(self, miss_bchw: Tensor) -> Tensor:
        """By the loss that is asked for, shape (b,); decibels make easy pictures count as much as hard ones."""
        if self.config["loss"] == "charbonnier":
            return (miss_bchw.square() + _SOFT**2).sqrt().mean(dim=(1, 2, 3))
        mse_b = miss_bchw.square().mean(dim=(1, 2, 3))
        return (mse_b + _FLOOR).log() if self.config["loss"] == "decibels" else mse_b

    def learn_ordinary(self, *, judged: Iterable[tuple[Tensor, Tensor]], learned: Iterable[Tensor]) -> None:
        """Errors that hold 68 %, and how noisy and how sharp pictures are.

        Args:
            judged: batches of pictures that were not learned from, after resizing and before.
            learned: batches of all that were learned from, after resizing.
        """
        with torch.inference_mode():
            pulls = []
            for seen_bchw, wanted_bchw in judged:
                found_bchw, log_sd_b1hw = self._within(seen_bchw)
                pull_bn = ((found_bchw - wanted_bchw).abs() * (-log_sd_b1hw).exp()).flatten(1)
                pulls.append(pull_bn.quantile(_LEVELS.to(pull_bn), dim=1))
            # Quantiles of pictures, put together: as good as those of all pixels, which need not be held.
            pull_n = torch.cat(pulls, dim=1).flatten().sort().values
            self.error_scale.copy_(pull_n[int(_COVERED * len(pull_n))])
            noise_b, sharpness_b = (torch.cat(of) for of in zip(*map(self._finest, learned), strict=True))
            self.noise_limit.copy_((_BEYOND * noise_b.max()).clamp_min(_NOISE))
            self.sharpness_limit.copy_(sharpness_b.min() / _BEYOND)

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:  # noqa: ARG002
        """For each picture in which way it is none of those that a model is for, or its answer none."""
        ranges = zip(*(of(inputs["image"], dim=(1, 2, 3)).tolist() for of in (torch.amin, torch.amax)), strict=True)
        said: list[list[str]] = []
        for (least, most), departures in zip(ranges, outputs["departure"].tolist(), strict=True):
            # NaN is more than anything.
            lines = [self._line(test, found) for test, found in zip(TESTS, departures, strict=True) if not found <= 1]
            if least < -_SURPLUS or most > 1 + _SURPLUS:
                lines.append(f"its values go from {least:.3g} to {most:.3g}: pictures have 0 to 1")
            said.append(lines)
        return said

    def _line(self, test: str, found: float) -> str:
        factor, noise_limit = self.config["factor"], float(self.noise_limit)
        return {
            "detail": f"it has detail of {found * _SURPLUS:.2g} that no picture has which was {factor} times smaller: "
            f"at most {_SURPLUS:g} where the model was measured",
            "noise": f"its noise is {found * noise_limit:.2g} a pixel of the small picture, and at most "
            f"{noise_limit / _BEYOND:.2g} in those that the model learned from",
            "blur": f"it is {found * _BEYOND:.2g} times as blurred as any picture that the model learned from",
            "answer": f"the answer, resized, is not the small picture: {found * _APART:.2g} off, at most {_APART:g}",
        }[test]

    def doubtful(self, inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002
        """The same pictures with a pattern of single pixels, which no resizing leaves."""
        _, height, width = self._shape
        down_h1, right_w = torch.arange(height)[:, None], torch.arange(width)
        pattern_hw = ((down_h1 + right_w) % 2).to(inputs["image"])
        return {**inputs, "image": inputs["image"] / 2 + pattern_hw / 4}

    def _within(self, image_bchw: Tensor) -> tuple[Tensor, Tensor]:
        """The same with values from 0 to 1: as many steps from one of the two sets that hold the truth to the other."""
        found_bchw, log_sd_b1hw = self._mean_answer(image_bchw) if self.config["mirrored"] else self._answer(image_bchw)
        found_bchw = found_bchw.clamp(0, 1)
        if self.config["consistent"]:
            small = self.resizing.told(image_bchw)
            for _ in range(_STEPS):
                found_bchw = self.resizing.consistent(found_bchw, small).clamp(0, 1)
        return found_bchw, log_sd_b1hw

    def _mean_answer(self, image_bchw: Tensor) -> tuple[Tensor, Tensor]:
        """The same as `_answer` for every view of a picture, so that a mirrored one is answered by the mirrored one."""
        _, height, width = self._shape
        parts = []
        for turned in (False, True)[: 1 + (height == width)]:
            for axes in ((), (2,), (3,), (2, 3)):
                view = image_bchw.transpose(2, 3) if turned else image_bchw
                answers = (of.flip(axes) for of in self._answer(view.flip(axes)))
                parts.append(torch.cat([of.transpose(2, 3) if turned else of for of in answers], dim=1))
        mean_bmhw = torch.stack(parts).mean(dim=0)
        return mean_bmhw[:, :-1], mean_bmhw[:, -1:]

    def _answer(self, image_bchw: Tensor) -> tuple[Tensor, Tensor]:
        """The picture, and the logarithm of its error, not yet scaled, shape (b, 1, h, w)."""
        maps_bmhw: Tensor = self.network(image_bchw - 0.5).to(image_bchw.dtype)
        found_bchw, log_sd_b1hw = maps_bmhw[:, :-1], maps_bmhw[:, -1:]
        found_bchw = found_bchw + (image_bchw if self.config["difference"] else 0.5)
        if self.config["consistent"]:
            found_bchw = self.resizing.consistent(found_bchw, self.resizing.told(image_bchw))
        return found_bchw, (log_sd_b1hw - math.e).clamp(*_LOG_SD)

    def _departures(self, image_bchw: Tensor, restored_bchw: Tensor) -> Tensor:
        """By each of `TESTS`, over what may be, shape (b, t)."""
        apart_bchw = self.resizing.smaller(restored_bchw) - self.resizing.told(image_bchw)
        noise_b, sharpness_b = self._finest(image_bchw)
        return torch.stack(
            [
                self.resizing.surplus(image_bchw) / _SURPLUS,
                noise_b / self.noise_limit,
                self.sharpness_limit / sharpness_b,
                apart_bchw.square().mean(dim=(1, 2, 3)).sqrt() / _APART,
            ],
            dim=1,
        )

    def _finest(self, image_bchw: Tensor) -> tuple[Tensor, Tensor]:
        """Noise and sharpness by the finest differences of small pictures (Donoho & Johnstone 1994), shape (b,)."""
        small = self.resizing.told(image_bchw)
        high, wide = (2 * (side // 2) for side in small.shape[2:])
        a, b, c, d = (small[:, :, row:high:2, column:wide:2] for row in (0, 1) for column in (0, 1))
        finest_bn = ((a - b - c + d) / 2).flatten(1)
        level_b = finest_bn.square().mean(dim=1).sqrt()
        contrast_b = (small - small.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3)).sqrt()
        # Of a level picture nothing can be said: it counts as sharp.
        sharpness_b = torch.where(contrast_b > _LEAST, level_b.clamp_min(_LEAST) / contrast_b.clamp_min(_LEAST), 1.0)
        return finest_bn.abs().median(dim=1).values / _MEDIAN, sharpness_b
