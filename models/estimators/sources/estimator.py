"""From a sky to its point sources: of each pixel how likely it holds any, a bright one, one of the brightest; fluxes.

    estimator = SourcesEstimator(config)
    outputs = estimator({"image": count_bhw})      # {"mask": (b, h, w), "bright": …, "flux": …, "sources": …, …}

The network says of each pixel the logits of all levels of flux (`levels.py`), from which probabilities and moments
follow, and the log odds that it is one of the brightest of its image, a question about all others, too. Shape suffixes:
b batch, l levels, h height, w width.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.devices import images_at_once
from models.estimators.probabilities import TOLERANCE, as_probability, probability
from models.estimators.scaled_images import ImageInputEstimator
from models.estimators.sources.levels import FluxLevels, brightest
from models.estimators.sources.source_list import COLUMNS, source_list
from models.fields import Arrays, Field
from models.map_networks import find_map_network

__label__ = "sources_estimator"

MASKS = ("mask", "bright", "brightest")
"""Outputs that are probabilities of pixels: of any source, of a bright one, of one of the brightest."""
_LISTED = 4
"""Pixels for each entry that a list has room for: half as many again as a crowded sky needs."""
_ITERATIONS = 20
_SEEN = 0.5
"""Pixels that are added to those of each level, so that one that was not seen is not impossible."""
_AT_ONCE = 64
"""Images of a batch, in calibration."""
_LEAST_ERROR = 1e-3
"""Of a flux, counts."""


class SourcesEstimator(ImageInputEstimator):
    """A network with its units.

    Args:
        config: as of `ImageInputEstimator`, and
            network, width: which of `models.map_networks`, how wide;
            levels: as `FluxLevels` takes them;
            brightest_share: of an image's pixels, those that are the brightest;
            pixel_scale: degrees a pixel.
    """

    scale_m: Tensor
    shift_m: Tensor
    """What maps are multiplied by, and what is added; 1 and 0 until `calibrate`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.levels = FluxLevels(config["levels"])
        self.network = find_map_network(config["network"])(
            channels=self.map_channel_count, maps=len(self.levels) + 1, width=int(config["width"])
        )
        for name, value in {"scale_m": 1.0, "shift_m": 0.0}.items():
            self.register_buffer(name, torch.full((len(self.levels) + 1,), value))

    @property
    def outputs(self) -> tuple[Field, ...]:
        """Probabilities and fluxes of each pixel, and a list of those that may well be bright."""
        shape, listed = (self.size, self.size), self.size**2 // _LISTED
        flux: dict[str, Any] = {
            "shape": shape, "unit": self.config["unit"], "limits": (0, None), "relative": TOLERANCE,
            "absolute": TOLERANCE, "of": "flux_error",
        }  # fmt: skip
        return (
            *(Field(name=name, shape=shape, limits=(0, 1), absolute=TOLERANCE) for name in MASKS),
            *(Field(name=name, **flux) for name in ("flux", "flux_error")),
            Field(name="sources", shape=(len(COLUMNS), listed), labels=COLUMNS, absolute=TOLERANCE, relative=TOLERANCE),
            Field(name="source_count", dtype="int64", absolute=0.5),
            *self.familiar_fields(),
        )

    @property
    def targets(self) -> tuple[Field, ...]:
        """Flux of all sources in each pixel."""
        return (Field(name="flux", shape=(self.size, self.size), unit=self.config["unit"]),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        logit_blhw, log_odds_bhw = self._maps(inputs)
        chance_blhw = logit_blhw.softmax(dim=1)
        flux_bhw, error_bhw = self.levels.flux(chance_blhw)
        first = self.levels.first_bright
        # Ratios of what is left of a softmax are 0 / 0 where hardly any is: those of its own logits are not.
        if_bright_blhw = torch.cat([torch.zeros_like(chance_blhw[:, :first]), logit_blhw[:, first:].softmax(dim=1)], 1)
        bright_bhw = as_probability(chance_blhw[:, first:].sum(dim=1))
        bright_flux_bhw, bright_error_bhw = self.levels.interval(if_bright_blhw)
        sources_bck, count_b = source_list(
            bright_bhw, bright_flux_bhw, bright_error_bhw,
            most=self.size**2 // _LISTED, pixel_scale=float(self.config["pixel_scale"]),
        )  # fmt: skip
        return {
            "mask": as_probability(chance_blhw[:, 1:].sum(dim=1)),
            "bright": bright_bhw,
            "brightest": probability(log_odds_bhw),
            "flux": flux_bhw.clamp_min(_LEAST_ERROR),
            "flux_error": error_bhw.clamp_min(_LEAST_ERROR),
            "sources": sources_bck,
            "source_count": count_b,
            **self.familiar_arrays(inputs),
        }

    def measured(self, inputs: Arrays, targets: Arrays | None = None) -> dict[str, Tensor]:
        """The outputs, and where there are targets `log_score` (b,): cross entropy of the levels, nats a pixel."""
        outputs: dict[str, Tensor] = self(inputs)
        if targets is None:
            return outputs
        return {**outputs, "log_score": self._cross_entropy(self._maps(inputs)[0], targets["flux"])}

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Cross entropies of levels and of being one of the brightest, a pixel's mean in nats, shape (b,)."""
        logit_blhw, log_odds_bhw = self._maps(inputs)
        top_bhw = brightest(targets["flux"], float(self.config["brightest_share"]))
        of_top_bhw = functional.binary_cross_entropy_with_logits(log_odds_bhw, top_bhw, reduction="none")
        return self._cross_entropy(logit_blhw, targets["flux"]) + of_top_bhw.mean(dim=(1, 2))

    def calibrate(self, image_bhw: Tensor, flux_bhw: Tensor) -> None:
        """Make probabilities mean what they say: one scale and a shift of each map, by images that nothing else saw.

        Temperatures after Guo et al. (2017); then levels are shifted until each is expected as often as it is there
        (Saerens, Latinne & Decaestecker 2002): rare, bright ones weigh little in a loss, and much in a flux.

        Args:
            image_bhw: counts.
            flux_bhw: of their sources.
        """
        with torch.no_grad():
            together = images_at_once(image_bhw.device, image_bhw[0].numel(), on_cpu=_AT_ONCE)
            maps_bmhw = torch.cat(
                [self.network(self.map_channels({"image": of})) for of in torch.split(image_bhw, together)]
            )
            top_bhw = brightest(flux_bhw, float(self.config["brightest_share"]))
        scales_2 = torch.zeros(2, device=maps_bmhw.device, requires_grad=True)
        shift_m = torch.zeros_like(self.shift_m, requires_grad=True)
        optimizer = torch.optim.LBFGS([scales_2, shift_m], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            logit_blhw = maps_bmhw[:, :-1] * scales_2[0].exp() + shift_m[:-1, None, None]
            log_odds_bhw = maps_bmhw[:, -1] * scales_2[1].exp() + shift_m[-1]
            of_top = functional.binary_cross_entropy_with_logits(log_odds_bhw, top_bhw)
            total = self._cross_entropy(logit_blhw, flux_bhw).mean() + of_top
            total.backward()  # type: ignore[no-untyped-call]
            return total

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self.scale_m[:-1], self.scale_m[-1] = scales_2[0].exp(), scales_2[1].exp()
            self.shift_m.copy_(shift_m)
            there_l = torch.bincount(self.levels.of(flux_bhw).flatten(), minlength=len(self.levels)).float()
            logit_blhw = maps_bmhw[:, :-1] * self.scale_m[:-1, None, None]
            for _ in range(_ITERATIONS):
                expected_l = (logit_blhw + self.shift_m[:-1, None, None]).softmax(dim=1).sum(dim=(0, 2, 3))
                self.shift_m[:-1] += ((there_l + _SEEN) / (expected_l + _SEEN)).log()

    def _cross_entropy(self, logit_blhw: Tensor, flux_bhw: Tensor) -> Tensor:
        loss_bhw = functional.cross_entropy(logit_blhw, self.levels.of(flux_bhw), reduction="none")
        return loss_bhw.mean(dim=(1, 2))

    def _maps(self, inputs: Arrays) -> tuple[Tensor, Tensor]:
        """Logits of each level, and log odds of being one of the brightest, as fresh skies have them."""
        maps_bmhw: Tensor = self.network(self.map_channels(inputs)) * self.scale_m[:, None, None]
        maps_bmhw = maps_bmhw + self.shift_m[:, None, None]
        return maps_bmhw[:, :-1], maps_bmhw[:, -1]
