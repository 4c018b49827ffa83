"""From a picture of a galaxy to each pixel's probability to belong to an arm, and the arms' share of the light.

    estimator = ArmsEstimator(config)
    outputs = estimator({"image": image_bhw})
    # {"mask": (b, h, w), "threshold": (b,), "arm_flux_ratio": (b,), "arm_flux_ratio_error": (b,), "departure": (b, 5)}

The flux ratio is that of the light in the arms' pixels to the light in all others, of the picture's values above its
border. Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.estimators.levelled_pictures import CHANNELS, LevelledEstimator, levelled
from models.estimators.probabilities import TOLERANCE, probability
from models.fields import Arrays, Field
from models.map_networks import find_map_network

__label__ = "arms_estimator"

_COVERED = 0.6827
"""Share of truths that stated errors hold."""
_LEAST = 1e-4
_THRESHOLD = 0.05
"""The same of a threshold: many are about as good."""
RATIO = 5e-3
"""How far a flux ratio of the same model may be another on another processor, over its error."""


def best_threshold(chance_bhw: Tensor) -> Tensor:
    """The probability from which on pixels make the largest expected Dice, shape (b,).

    Of pixels S it is 2 Σ_S p / (|S| + Σ p) (Lipton, Elkan & Naryanaswamy 2014, 1402.1892), and S the most likely ones.
    """
    ordered_bn = chance_bhw.flatten(1).sort(dim=1, descending=True).values
    count_n = torch.arange(1, ordered_bn.shape[1] + 1).to(ordered_bn)
    score_bn = 2 * ordered_bn.cumsum(dim=1) / (count_n + ordered_bn.sum(dim=1, keepdim=True))
    return ordered_bn.gather(1, score_bn.argmax(dim=1, keepdim=True))[:, 0]


def flux_ratio(image_bhw: Tensor, mask_bhw: Tensor) -> Tensor:
    """Light in the arms' pixels over that in all others, of a picture's values above its border, shape (b,)."""
    return _ratio_of(image_bhw, mask_bhw)[0]


class ArmsEstimator(LevelledEstimator):
    """A network with its units.

    Args:
        config: as of `LevelledEstimator`, and
            network, width: which of `models.map_networks`, how wide;
            mirrored: whether an answer is the mean of those to all mirrored and turned pictures.
    """

    ratio_scale: Tensor
    """What the errors of flux ratios are multiplied by; 1 until `learn_errors`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.network = find_map_network(config["network"])(channels=CHANNELS, maps=1, width=int(config["width"]))
        self.register_buffer("ratio_scale", torch.ones(()))

    @property
    def outputs(self) -> tuple[Field, ...]:
        """Probabilities, from which on pixels are best taken for arms, the flux ratio, and how unlike others it is."""
        ratio: dict[str, Any] = {"absolute": _LEAST, "relative": RATIO, "of": "arm_flux_ratio_error"}
        return (
            Field(name="mask", shape=(self.size, self.size), limits=(0, 1), absolute=TOLERANCE),
            Field(name="threshold", limits=(0, 1), absolute=_THRESHOLD),
            Field(name="arm_flux_ratio", **ratio),
            Field(name="arm_flux_ratio_error", limits=(0, None), **ratio),
            self.departure_field,
        )

    @property
    def targets(self) -> tuple[Field, ...]:
        """Which pixels belong to arms: 1, and 0 for the others."""
        return (Field(name="mask", shape=(self.size, self.size)),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        image_bhw = inputs["image"]
        chance_bhw = probability(
            self._mean_log_odds(image_bhw) if self.config["mirrored"] else self._log_odds(image_bhw)
        )
        ratio_b, error_b = _ratio_of(image_bhw, chance_bhw)
        return {
            "mask": chance_bhw,
            "threshold": best_threshold(chance_bhw),
            "arm_flux_ratio": ratio_b,
            "arm_flux_ratio_error": self.ratio_scale * error_b,
            "departure": self.departures(image_bhw),
        }

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Cross entropy of the target `mask` (0 or 1), a pixel's mean in nats, shape (b,)."""
        log_odds_bhw, mask_bhw = self._log_odds(inputs["image"]), targets["mask"]
        entropy_bhw = functional.binary_cross_entropy_with_logits(log_odds_bhw, mask_bhw, reduction="none")
        return entropy_bhw.mean(dim=(1, 2))

    def learn_errors(self, batches: Iterable[tuple[Arrays, Tensor]]) -> None:
        """Errors of flux ratios that hold 68 %, by pictures that were not learned from.

        Args:
            batches: inputs, and the masks of arms.
        """
        pulls = []
        with torch.inference_mode():
            for inputs, mask_bhw in batches:
                outputs = self(inputs)
                true_b, _ = _ratio_of(inputs["image"], mask_bhw)
                error_b = outputs["arm_flux_ratio_error"] / self.ratio_scale
                pulls.append((outputs["arm_flux_ratio"] - true_b).abs() / error_b)
            pull_n = torch.cat(pulls).sort().values
            self.ratio_scale.copy_(pull_n[int(_COVERED * len(pull_n))].clamp_min(_LEAST))

    def _mean_log_odds(self, image_bhw: Tensor) -> Tensor:
        """The same as `_log_odds`, the mean over all mirrored and turned pictures."""
        parts = []
        for turned in (False, True):
            for axes in ((), (1,), (2,), (1, 2)):
                view_bhw = image_bhw.transpose(1, 2) if turned else image_bhw
                found_bhw = self._log_odds(view_bhw.flip(axes)).flip(axes)
                parts.append(found_bhw.transpose(1, 2) if turned else found_bhw)
        return torch.stack(parts).mean(dim=0)

    def _log_odds(self, image_bhw: Tensor) -> Tensor:
        maps_bmhw: Tensor = self.network(self.channels(image_bhw))
        return maps_bmhw[:, 0]


def _ratio_of(image_bhw: Tensor, chance_bhw: Tensor) -> tuple[Tensor, Tensor]:
    """The expected ratio, and its error as far as masks are not sure, shape (b,) each."""
    light_bhw = levelled(image_bhw).clamp_min(0)
    whole_b = light_bhw.sum(dim=(1, 2)).clamp_min(_LEAST)
    in_arms_b = (chance_bhw * light_bhw).sum(dim=(1, 2))
    # All pixels of an arm are sure or not together, so that their doubts add up as they are.
    unsure_b = (2 * torch.minimum(chance_bhw, 1 - chance_bhw) * light_bhw).sum(dim=(1, 2))
    others_b = (whole_b - in_arms_b).clamp_min(_LEAST * whole_b)
    return in_arms_b / others_b, (unsure_b / others_b * (1 + in_arms_b / others_b)).clamp_min(_LEAST)
