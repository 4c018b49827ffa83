"""From an image, its PSF and its noise to the image before both, and the error of each pixel.

    estimator = DeblurredEstimator(config)
    outputs = estimator({"image": image_bhw, "sigma": sigma_b, "psf": psf_bkk})
    # {"restored": …, "restored_error": …, "departure": (b, 4)}

A PSF is an image, or round and known by its FWHM; without either nothing is blurred. Images are of any brightness: they
are divided by their own. Shape suffixes: b batch, h height, w width, k a PSF's side, or frequencies of a row, t tests.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from models.estimators.border_noise import completed
from models.estimators.deblurred.blurring import blurred, correlated, transfer
from models.estimators.deblurred.psf import normalised, psf_of
from models.estimators.deblurred.restoring import Restoring
from models.estimators.estimator import Estimator
from models.fields import Arrays, Field

__label__ = "deblurred_estimator"

LOSSES = ("mse", "charbonnier")
TESTS = ("residual", "structure", "brightness", "psf")
"""Ways in which an image may be none of those that a model is for, or its answer none; above 1, it is doubted."""
_LOUD = 4.0
"""Root of the sum of squares of an image that was divided by its brightness."""
_FAINTEST = 5.0
"""The SNR that an image counts as having in any case."""
_SOFT = 0.1
"""Noises of a pixel below which a Charbonnier loss is a squared one (Charbonnier et al. 1994)."""
_LOG_SD = (-7.0, 5.0)
"""Range of the logarithm of a pixel's error in noises."""
_LEVELS = torch.linspace(0.001, 0.999, 400)
"""Quantiles of an image's pixels that stand for all of them."""
_COVERED = 0.6827
"""Share of truths that stated errors hold."""
_BEYOND = 1.15
"""Times the largest departure of ordinary images is where doubts begin."""
_LEAST = 1e-6
TOLERANCE = 1e-3
"""Of the stated error: how far the same model may answer otherwise on another processor."""
_DEPARTURE = 5e-3


class DeblurredEstimator(Estimator):
    """A network with its units.

    Args:
        config: with the keys
            size, pixel_scale, unit: of images;
            psf_size: pixels on a side of a PSF's image, odd;
            network, width, steps, difference: as of `Restoring`; loss: of `LOSSES`.

    Raises:
        ValueError: when there is no such loss, or no such PSF.
    """

    error_scale: Tensor
    """What stated errors are multiplied by; 1 until `learn_ordinary`."""
    residual_range: Tensor
    """Mean square of what the answer leaves unexplained, in noises, least and most."""
    structure_limit: Tensor
    """What of it looks like a point source, in standard deviations, at most."""
    snr_range: Tensor
    """SNR √(Σ p²)/σ of images, least and most."""
    area_range: Tensor
    """1 / Σ h², the pixels that a PSF covers, least and most."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        if config["loss"] not in LOSSES:
            raise ValueError(f"loss = {config['loss']!r}: must be one of {', '.join(LOSSES)}")
        self.size, self.psf_size = int(config["size"]), int(config["psf_size"])
        if self.psf_size % 2 == 0 or self.psf_size > self.size:
            raise ValueError(f"psf_size = {self.psf_size}: must be odd, and at most the image's {self.size}")
        self.network = Restoring(**{name: config[name] for name in ("network", "width", "steps", "difference")})
        self.register_buffer("error_scale", torch.ones(()))
        self.register_buffer("structure_limit", torch.tensor(6.0))
        for name in ("residual_range", "snr_range", "area_range"):
            self.register_buffer(name, torch.tensor([0.0, torch.finfo(torch.float32).max]))
        self.residual_range.copy_(torch.tensor([0.8, 1.2]))

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The image, the noise of a pixel, and the PSF in one of two ways."""
        return (
            Field(
                name="image",
                shape=(self.size, self.size),
                unit=self.config["unit"],
                pixel_scale=self.config["pixel_scale"],
            ),
            Field(name="sigma", unit=self.config["unit"], limits=(0, None), estimated=True),
            Field(name="psf", shape=(self.psf_size, self.psf_size), optional=True),
            Field(name="psf_fwhm", unit="arcsec", limits=(0, None), optional=True),
        )

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The image as it was, what holds 68 % of each pixel's errors, and how unlike others its input is."""
        shared: dict[str, Any] = {
            "shape": (self.size, self.size), "unit": self.config["unit"], "absolute": _LEAST, "relative": TOLERANCE,
            "of": "restored_error",
        }  # fmt: skip
        return (
            Field(name="restored", **shared),
            Field(name="restored_error", limits=(0, None), **shared),
            Field(name="departure", shape=(len(TESTS),), labels=TESTS, absolute=_DEPARTURE, relative=_DEPARTURE),
        )

    @property
    def targets(self) -> tuple[Field, ...]:
        """The image as it was."""
        return (Field(name="truth", shape=(self.size, self.size), unit=self.config["unit"]),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`.

        Raises:
            ValueError: when an image has two PSFs, or one that is not normalised or not centred; it is named.
        """
        psf_bkk = self.psf(inputs)
        restored_bhw, log_sd_bhw = self._answer(inputs, psf_bkk)
        return {
            "restored": restored_bhw,
            "restored_error": self.error_scale * log_sd_bhw.exp(),
            "departure": self._departures(inputs, psf_bkk, restored_bhw),
        }

    def completed(self, inputs: Arrays) -> tuple[Arrays, dict[str, Tensor]]:
        """With the noise of the image's border where none is stated."""
        return completed(inputs, "sigma")

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Squared or absolute error in units of the noise, and what the stated error loses by it, shape (b,).

        The image learns by the former alone: weighted by stated errors, dark sky would be all that counts.
        """
        # A training's PSFs are its own: whether each is one is not asked of a device in every step.
        own = "psf" in inputs and "psf_fwhm" not in inputs
        found_bhw, log_sd_bhw = self._answer(inputs, normalised(inputs["psf"]) if own else self.psf(inputs))
        sigma_b11 = inputs["sigma"][:, None, None]
        miss_bhw = (found_bhw - targets["truth"]) / sigma_b11
        pull_bhw = miss_bhw.detach() * sigma_b11 * (-log_sd_bhw).exp()
        of_error_b = (pull_bhw.square() / 2 + log_sd_bhw - sigma_b11.log()).mean(dim=(1, 2))
        if self.config["loss"] == "charbonnier":
            return (miss_bhw.square() + _SOFT**2).sqrt().mean(dim=(1, 2)) + of_error_b
        return miss_bhw.square().mean(dim=(1, 2)) + of_error_b

    def psf(self, inputs: Arrays) -> Tensor:
        """PSFs as images of sum 1, shape (b, k, k); raises as `forward` does."""
        return psf_of(inputs, size=self.psf_size, pixel_scale=float(self.config["pixel_scale"]))

    def learn_ordinary(self, batches: Iterable[tuple[Arrays, Tensor]]) -> None:
        """Errors that hold 68 %, and how large what is left, SNRs and PSFs are, by images not learned from.

        Args:
            batches: inputs, and the images as they were.
        """
        pulls, parts = [], []
        with torch.inference_mode():
            for inputs, truth_bhw in batches:
                psf_bkk = self.psf(inputs)
                found_bhw, log_sd_bhw = self._answer(inputs, psf_bkk)
                pull_bn = ((found_bhw - truth_bhw).abs() * (-log_sd_bhw).exp()).flatten(1)
                pulls.append(pull_bn.quantile(_LEVELS.to(pull_bn), dim=1))
                parts.append(torch.stack(self._measured(inputs, psf_bkk, found_bhw), dim=1))
            pull_n = torch.cat(pulls, dim=1).flatten().sort().values
            self.error_scale.copy_(pull_n[int(_COVERED * len(pull_n))])
            residual_b, structure_b, snr_b, area_b = torch.cat(parts).unbind(1)
            for of, values in ((self.residual_range, residual_b), (self.snr_range, snr_b), (self.area_range, area_b)):
                of.copy_(torch.stack([values.min() / _BEYOND, values.max() * _BEYOND]))
            self.structure_limit.copy_(structure_b.max() * _BEYOND)

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:  # noqa: ARG002
        """For each image in which way it is none of those that a model is for, or its answer none."""
        # NaN is more than anything.
        told = [
            [test for test, found in zip(TESTS, departures, strict=True) if not found <= 1]
            for departures in outputs["departure"].tolist()
        ]
        if not any(told):
            return told
        measured = torch.stack(self._measured(inputs, self.psf(inputs), outputs["restored"]), dim=1).tolist()
        return [
            [self._line(test, dict(zip(TESTS, values, strict=True))[test]) for test in tests]
            for tests, values in zip(told, measured, strict=True)
        ]

    def _line(self, test: str, found: float) -> str:
        ends = {"residual": self.residual_range, "brightness": self.snr_range, "psf": self.area_range}
        low, high = (float(end) for end in ends.get(test, self.residual_range))
        return {
            "residual": f"the answer, blurred again, leaves {found:.3g} times the noise's square of the image: "
            f"{low:.3g} to {high:.3g} where the model was measured",
            "structure": f"the answer, blurred again, leaves something that stands out by {found:.3g} standard "
            f"deviations: at most {float(self.structure_limit):.3g} where the model was measured",
            "brightness": f"its SNR is {found:.3g}: {low:.3g} to {high:.3g} where the model was measured",
            "psf": f"its PSF covers {found:.3g} pixels: {low:.3g} to {high:.3g} where the model was measured",
        }[test]

    def not_tested(self, inputs: Arrays) -> tuple[str, ...]:  # noqa: ARG002
        """A PSF that is a little wrong, and what else may be there, one image does not tell."""
        return ("content", "psf")

    def doubtful(self, inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002
        """The same images with a pattern of single pixels, which no PSF leaves."""
        down_h1, right_w = torch.arange(self.size)[:, None], torch.arange(self.size)
        pattern_hw = (1 - 2 * ((down_h1 + right_w) % 2)).to(inputs["image"])
        return {**inputs, "image": inputs["image"] + 10 * inputs["sigma"][:, None, None] * pattern_hw}

    def _answer(self, inputs: Arrays, psf_bkk: Tensor) -> tuple[Tensor, Tensor]:
        """The image as it was, and the logarithm of its error, not yet scaled, in the image's unit."""
        image_bhw, sigma_b = inputs["image"], inputs["sigma"]
        scale_b = sigma_b * self._snr(inputs) / _LOUD
        noise_b = sigma_b / scale_b
        found_bhw, log_sd_bhw = self.network(
            image_bhw / scale_b[:, None, None], transfer(psf_bkk, size=self.size), noise_b
        )
        return found_bhw * scale_b[:, None, None], log_sd_bhw.clamp(*_LOG_SD) + sigma_b.log()[:, None, None]

    def _snr(self, inputs: Arrays) -> Tensor:
        """√(Σ p²)/σ of each image, as far as it shows through its noise, shape (b,)."""
        power_b = (inputs["image"] / inputs["sigma"][:, None, None]).square().sum(dim=(1, 2)) - self.size**2
        return power_b.clamp_min(_FAINTEST**2).sqrt()

    def _measured(self, inputs: Arrays, psf_bkk: Tensor, restored_bhw: Tensor) -> tuple[Tensor, ...]:
        """What each of `TESTS` is about, shape (b,) each."""
        transfer_bhk = transfer(psf_bkk, size=self.size)
        rest_bhw = (inputs["image"] - blurred(restored_bhw, transfer_bhk)) / inputs["sigma"][:, None, None]
        squares_b = psf_bkk.square().sum(dim=(1, 2))
        standing_bhw = correlated(rest_bhw, transfer_bhk) / squares_b.sqrt()[:, None, None]
        return (
            rest_bhw.square().mean(dim=(1, 2)),
            standing_bhw.abs().amax(dim=(1, 2)),
            self._snr(inputs),
            1 / squares_b,
        )

    def _departures(self, inputs: Arrays, psf_bkk: Tensor, restored_bhw: Tensor) -> Tensor:
        """By each of `TESTS`, over what may be, shape (b, t)."""
        residual_b, structure_b, snr_b, area_b = self._measured(inputs, psf_bkk, restored_bhw)

        def outside(value_b: Tensor, ends: Tensor) -> Tensor:
            return torch.maximum(ends[0] / value_b.clamp_min(_LEAST), value_b / ends[1])

        return torch.stack(
            [
                outside(residual_b, self.residual_range),
                structure_b / self.structure_limit,
                outside(snr_b, self.snr_range),
                outside(area_b, self.area_range),
            ],
            dim=1,
        )
