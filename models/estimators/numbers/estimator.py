"""From an image and its conditions to parameters with errors, in physical units.

`NumbersEstimator` wraps any network: it scales the image by its noise, or takes it as counts, hands the conditions over
standardised, and reads the network's vector as a Gaussian on scales where errors are close to one (`scales.py`):

    estimator = NumbersEstimator(config)
    outputs = estimator({"image": image_bhw, "sigma": sigma_b})      # {"posterior_flux": …, …}
    answer = estimator.answers(image_bhw, conditions_bc)             # the same as tensors over all parameters

`scoring.py` adds Fisher scoring to it. Shape suffixes: b batch, h height, w width, c conditions,
p parameters, q quantiles.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.estimators.border_noise import completed, estimated_noise
from models.estimators.channels import channel_count, image_channels
from models.estimators.estimator import Estimator
from models.estimators.familiar import FALSE_ALARMS, FamiliarImages, brighter
from models.estimators.input_ranges import input_doubts, pushed_beyond, summaries
from models.estimators.numbers.answer import LEVELS, Answer, Held
from models.estimators.numbers.answer_fields import posterior_arrays, posterior_fields
from models.estimators.numbers.departures import departures
from models.estimators.numbers.gaussian import Gaussian, read_gaussian, vector_length
from models.estimators.numbers.held_fields import held_arrays, held_fields, without_noise_test
from models.estimators.numbers.known import Known, KnownByNetwork
from models.estimators.numbers.scales import Scales
from models.estimators.numbers.sensitivities import PSF_ERRORS, sensitivities, stated_errors, widened
from models.estimators.numbers.tested_range import departure_doubts, not_tested, psf_doubts, range_doubts
from models.fields import Arrays, Field
from models.galaxies import GalaxyDrawing
from models.layers import NetworkOutput
from models.networks import find_network

__label__ = "estimator"

_TAIL = 2
"""Times the share of false alarms by which these are set: so far chances are proportional to rareness, to half a
hundredth, and as many more images say how."""
_LOUDER = 3
"""Times an image is itself where its noise is not to be what is stated."""
_SAMPLES = 64
"""Of each posterior, for scores that are means over it."""


class NumbersEstimator(Estimator):
    """A network with its units.

    Args:
        config: with the keys
            network, width: which network, how wide;
            size: pixels on a side;
            unit: of the image;
            noise: name of the condition that is the noise of a pixel, in the image's units; None for images of counts;
            conditions: list of {name, unit, limits, mean, sd}, mean and sd of the condition's logarithm; and estimated,
                not by default, where the noise may be left out and is estimated from the image;
            outputs: list of {name, unit, scale, …} as `models.estimators.numbers.scales.Scales` takes them;
            drawing: as `models.galaxies.drawing.GalaxyDrawing` takes it, or None where no answer can be drawn;
            scoring_steps: the most steps of the search that follows the network (`scoring.py`); 0 for none;
            familiar: as `models.estimators.familiar.FamiliarImages` takes it, or None where images are known otherwise.
    """

    condition_mean: Tensor
    condition_sd: Tensor
    quantile_pq: Tensor
    """Pulls (`Known.pulls`) that truths of each of `LEVELS` have; those of a Gaussian until they are measured."""
    departure_factor: Tensor
    """By which the rareness of departures is off; 1 until it is measured."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.size = int(config["size"])
        self.condition_names = tuple(condition["name"] for condition in config["conditions"])
        self.output_names = tuple(output["name"] for output in config["outputs"])
        noise = config["noise"]
        if noise is not None and noise not in self.condition_names:
            raise ValueError(f"noise = {noise!r}: must be one of the conditions {self.condition_names}")
        self._noise = None if noise is None else self.condition_names.index(noise)
        self._estimated = estimated_noise(config)
        self.network = find_network(config["network"])(
            channels=channel_count(counts=noise is None),
            size=self.size,
            conditions=len(self.condition_names),
            outputs=vector_length(len(self.output_names)),
            width=int(config["width"]),
        )
        self.scales = Scales(config["outputs"])
        self.drawing = GalaxyDrawing(config["drawing"], self.condition_names) if config["drawing"] else None
        self.familiar = FamiliarImages(config["familiar"]) if config["familiar"] else None
        for name, values in {
            "condition_mean": [condition["mean"] for condition in config["conditions"]],
            "condition_sd": [condition["sd"] for condition in config["conditions"]],
        }.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)
        gaussian_q = torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float32))
        self.register_buffer("quantile_pq", gaussian_q.repeat(len(self.output_names), 1))
        self.register_buffer("departure_factor", torch.ones((), dtype=torch.float64))

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The image, and the conditions that it was taken under."""
        scale = (self.config["drawing"] or {}).get("pixel_scale")
        image = Field(name="image", shape=(self.size, self.size), unit=self.config.get("unit", ""), pixel_scale=scale)
        return (
            image,
            *(
                Field(
                    name=one["name"],
                    unit=one.get("unit", ""),
                    limits=tuple(one.get("limits", (0, None))),
                    estimated=one.get("estimated", False),
                )
                for one in self.config["conditions"]
            ),
            *(PSF_ERRORS if self.drawing is not None else ()),
        )

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The posterior: for each parameter mean, error and intervals, and correlations; how the image departs."""
        fields = posterior_fields(self.config["outputs"], self.scales, drawn=self.config["scoring_steps"] > 0)
        if self.familiar is not None:
            return (*fields, *self.familiar.fields)
        return fields if self.drawing is None else (*fields, *held_fields(self.output_names))

    @property
    def targets(self) -> tuple[Field, ...]:
        """The truths."""
        return tuple(Field(name=output["name"], unit=output.get("unit", "")) for output in self.config["outputs"])

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        image_bhw = inputs["image"]
        answer = self.answers(image_bhw, self.conditions(inputs))
        shift_bkp = answer.held and stated_errors(inputs, answer.held.moved_bkp)
        return self._outputs(answer if shift_bkp is None else widened(answer, shift_bkp), image_bhw)

    def completed(self, inputs: Arrays) -> tuple[Arrays, dict[str, Tensor]]:
        """With the noise of the image's border where none is stated."""
        return (inputs, {}) if self._estimated is None else completed(inputs, self._estimated)

    def uncompared(self, outputs: dict[str, Tensor], estimated: Arrays) -> dict[str, Tensor]:
        """Without the test of the noise, which agrees in any case with what was estimated from it."""
        return without_noise_test(outputs) if estimated and self.drawing is not None else outputs

    def measured(self, inputs: Arrays, targets: Arrays | None = None) -> dict[str, Tensor]:
        """The outputs, and over all parameters what they come from.

        Returns:
            Beside the outputs `quantiles` (b, p, q) at `LEVELS`, `samples` (b, s, p) of the posterior, and `network`
            (b, p), the network's own mean; where there are targets, what `Known.log_densities` says of them.
        """
        image_bhw, conditions_bc = inputs["image"], self.conditions(inputs)
        known = self.known(image_bhw, conditions_bc)
        answer = self.answer_of(known, image_bhw, conditions_bc)
        measured = {
            **self._outputs(answer, image_bhw),
            "quantiles": answer.quantile_bpq,
            "network": answer.network_bp,
            "samples": known.samples(_SAMPLES),
        }
        return measured if targets is None else {**measured, **known.log_densities(self.truths(targets))}

    def samples(self, inputs: Arrays, count: int) -> dict[str, Tensor]:
        """Draws from the joint posterior: row by row the numbers of one possible truth."""
        value_bsp = self.known(inputs["image"], self.conditions(inputs)).samples(count)
        return {f"posterior_{name}": value_bsp[:, :, index] for index, name in enumerate(self.output_names)}

    def conditions(self, inputs: Arrays) -> Tensor:
        """The conditions side by side, shape (b, c)."""
        if not self.condition_names:
            return inputs["image"][:, 0, :0]
        return torch.stack([inputs[name] for name in self.condition_names], dim=1)

    def truths(self, targets: Arrays) -> Tensor:
        """The truths side by side, shape (b, p)."""
        return torch.stack([targets[name] for name in self.output_names], dim=1)

    def _outputs(self, answer: Answer, image_bhw: Tensor) -> dict[str, Tensor]:
        outputs = posterior_arrays(answer, self.output_names)
        if self.familiar is not None:
            return {**outputs, **self.familiar.arrays(image_bhw)}
        return outputs if answer.held is None else {**outputs, **held_arrays(answer.held)}

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:
        """For each image the reasons not to trust its answer, one line each.

        Args:
            inputs: as of `forward`.
            outputs: what `forward` made of them.
            region: `conditions` and `snr` as `tested_range.py` reads them; `inputs`, where nothing maps failures, as
                `input_ranges.py` does.
        """
        values = {name: inputs[name] for name in self.condition_names}
        said = range_doubts(region["conditions"], values) if values else [[] for _ in inputs["image"]]
        if self.drawing is not None:
            said = _joined(
                said,
                range_doubts({"the SNR": region["snr"]} if "snr" in region else {}, {"the SNR": outputs["snr"]}),
                departure_doubts(outputs),
                psf_doubts(inputs, outputs),
            )
        if self.familiar is not None:
            said = _joined(said, self.familiar.doubts(outputs, inputs["image"]))
        if "inputs" in region:
            said = _joined(said, input_doubts(region, summaries(inputs, self._noise_of(inputs))))
        return said

    def not_tested(self, inputs: Arrays) -> tuple[str, ...]:
        """Of a galaxy drawn the PSF as far as its error is not stated, and what can hide behind the galaxy."""
        return super().not_tested(inputs) if self.drawing is None else not_tested(inputs)

    def doubtful(self, inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:
        """The same inputs outside of the region: the image too loud for its noise, each condition beyond its range.

        The noise goes up, and the image with it: beside little noise an answer would hang on the last bits of float32.
        """
        if "inputs" in region:
            return pushed_beyond(inputs, region, self._noise_of)
        changed = {name: array.clone() for name, array in inputs.items()}
        for name, limits in region["conditions"].items():
            if limits is not None:
                low, high = limits
                up = low <= 0 or name == self.config["noise"]
                changed[name][:] = high + max(high - low, 1.0) if up else low / 2
        if self._noise is None:
            return {**changed, "image": brighter(changed["image"])}
        changed["image"] *= (_LOUDER * self._noise_of(changed) / self._noise_of(inputs))[:, None, None]
        return changed

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Negative log-likelihood of the truth; where the network denoises, also how far it is from `clean_image`.

        A problem that has no such target trains without that part.
        """
        conditions_bc = self.conditions(inputs)
        vector_bo, denoised_bhw = self.vector(inputs["image"], conditions_bc)
        standard_bp = self.standardise(self.truths(targets), conditions_bc)
        loss_b = self.read(vector_bo).negative_log_likelihood(standard_bp)
        if denoised_bhw is not None and "clean_image" in targets:
            wanted_bhw = targets["clean_image"] / self.noise(conditions_bc)[:, None, None]
            loss_b = loss_b + (denoised_bhw - wanted_bhw).square().mean(dim=(1, 2))
        return loss_b

    def _noise_of(self, inputs: Arrays) -> Tensor:
        return self.noise(self.conditions(inputs))

    def noise(self, conditions_bc: Tensor) -> Tensor:
        """Noise of a pixel of each image, shape (b,); 1 for counts, which tell their own."""
        if self._noise is None:
            return conditions_bc.new_ones(len(conditions_bc))
        return conditions_bc[:, self._noise]

    def standardise(self, truth_bp: Tensor, conditions_bc: Tensor) -> Tensor:
        """Physical parameters on the standard scales, where the prior has mean 0 and sd 1."""
        return self.scales.standardise(truth_bp, self.noise(conditions_bc))

    def standardise_conditions(self, conditions_bc: Tensor) -> Tensor:
        """Logarithms of the conditions, of mean 0 and sd 1 over the prior."""
        return (conditions_bc.log() - self.condition_mean) / self.condition_sd

    def vector(self, image_bhw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """What the network says, as it says it."""
        channels_bchw = image_channels(image_bhw, None if self._noise is None else self.noise(conditions_bc))
        output: NetworkOutput = self.network(channels_bchw, self.standardise_conditions(conditions_bc))
        return output

    def answers(self, image_bhw: Tensor, conditions_bc: Tensor) -> Answer:
        """What is said of each image."""
        return self.answer_of(self.known(image_bhw, conditions_bc), image_bhw, conditions_bc)

    def known(self, image_bhw: Tensor, conditions_bc: Tensor) -> Known:
        """What is known of each image."""
        return self.known_by_network(image_bhw, conditions_bc)

    def known_by_network(self, image_bhw: Tensor, conditions_bc: Tensor) -> KnownByNetwork:
        """What the network says is known."""
        gaussian = self.read(self.vector(image_bhw, conditions_bc).answer_bo)
        return KnownByNetwork(gaussian=gaussian, scales=self.scales, noise_b=self.noise(conditions_bc))

    def read(self, vector_bo: Tensor) -> Gaussian:
        """A vector as a Gaussian on the standard scales."""
        return read_gaussian(vector_bo, len(self.output_names))

    def calibrate(self, pull_np: Tensor, snr_n: Tensor | None) -> None:  # noqa: ARG002
        """Set the quantiles so that intervals hold truths that lay at these pulls.

        Args:
            pull_np: of images n, as `Known.pulls` says.
            snr_n: of the galaxies found, where some were searched for.
        """
        levels_q = torch.tensor(LEVELS, device=pull_np.device)
        self.quantile_pq.copy_(torch.quantile(pull_np, levels_q, dim=0).T)

    def answer_of(self, known: Known, image_bhw: Tensor, conditions_bc: Tensor) -> Answer:
        """What is known in physical units, held against its image where it can be drawn."""
        assert isinstance(known, KnownByNetwork)
        answer = self.answer(known)
        return answer._replace(held=self.held(answer.mean_bp, image_bhw, conditions_bc))

    def held(self, value_bp: Tensor, image_bhw: Tensor, conditions_bc: Tensor) -> Held | None:
        """Values drawn and held against their images; None where nothing can be drawn."""
        if self.drawing is None:
            return None
        examined = self.drawing.examine(image_bhw, value_bp, conditions_bc)
        noise_b = self.noise(conditions_bc).double()
        snr_b = examined.norm_b / noise_b
        found = departures(examined, noise_b, value_bp[:, 0] * self.drawing.flux_unit, size=self.size)
        return Held(
            snr_b=snr_b.float(),
            departures=found,
            p_value_bt=found.p_values(self.departure_factor).float(),
            moved_bkp=sensitivities(examined, noise_b).float(),
            covariance_bpp=examined.covariance_bpp.float(),
        )

    def calibrate_departures(self, rarest_n: Tensor) -> None:
        """Set what counts as a departure so that of images like these one in a hundred has one.

        Args:
            rarest_n: of images n, as `Departures` says. The tests know the SNR: it is the same for all.
        """
        tail = torch.quantile(rarest_n.double(), _TAIL * FALSE_ALARMS) / _TAIL
        self.departure_factor.copy_(-math.log1p(-FALSE_ALARMS) / FALSE_ALARMS / tail)

    def answer(self, known: KnownByNetwork) -> Answer:
        """What the network says is known, in physical units."""
        gaussian, covariance_bpp = known.gaussian, known.gaussian.covariance()
        mean_bp, physical_bpp = self.scales.physical_moments(gaussian.mean_bp, covariance_bpp, known.noise_b)
        sd_bp = covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()
        quantile_bpq = gaussian.mean_bp[:, :, None] + sd_bp[:, :, None] * self.quantile_pq
        return Answer(
            mean_bp=mean_bp,
            covariance_bpp=physical_bpp,
            quantile_bpq=self.scales.physical(quantile_bpq, known.noise_b),
            network_bp=mean_bp,
        )


def _joined(*said: list[list[str]]) -> list[list[str]]:
    """Lines about the same images, image by image."""
    return [[line for lines in of_image for line in lines] for of_image in zip(*said, strict=True)]
