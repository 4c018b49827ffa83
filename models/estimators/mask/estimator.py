"""From an image to a mask: for each pixel the probability that it belongs to what is looked for.

    estimator = MaskEstimator(config)
    outputs = estimator({"image": image_bhw, "sigma": sigma_b})      # {"mask": (b, h, w)}

The network says the log odds of each pixel. Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional

from models.estimators.probabilities import TOLERANCE, probability
from models.estimators.scaled_images import ImageInputEstimator
from models.fields import Arrays, Field
from models.map_networks import find_map_network

__label__ = "mask_estimator"


class MaskEstimator(ImageInputEstimator):
    """A network with its units.

    Args:
        config: as of `ImageInputEstimator`, and
            network, width: which of `models.map_networks`, how wide;
            count_penalty: weight in the loss of the difference between pixels answered and true ones, 0 by default.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.network = find_map_network(config["network"])(
            channels=self.map_channel_count, maps=1, width=int(config["width"])
        )
        self._count_penalty = float(config.get("count_penalty", 0))

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The probability of each pixel."""
        mask = Field(name="mask", shape=(self.size, self.size), limits=(0, 1), absolute=TOLERANCE)
        return (mask, *self.familiar_fields())

    @property
    def targets(self) -> tuple[Field, ...]:
        """Which pixels belong to it: 1, and 0 for the others."""
        return (Field(name="mask", shape=(self.size, self.size)),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        return {"mask": probability(self._log_odds(inputs)), **self.familiar_arrays(inputs)}

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Cross entropy of the target `mask` (0 or 1, or a share between), a pixel's mean in nats, shape (b,)."""
        log_odds_bhw = self._log_odds(inputs)
        loss_bhw = functional.binary_cross_entropy_with_logits(log_odds_bhw, targets["mask"], reduction="none")
        surplus_b = (log_odds_bhw.sigmoid() - targets["mask"]).sum(dim=(1, 2))
        return loss_bhw.mean(dim=(1, 2)) + self._count_penalty * surplus_b.abs()

    def _log_odds(self, inputs: Arrays) -> Tensor:
        maps_bmhw: Tensor = self.network(self.map_channels(inputs))
        return maps_bmhw[:, 0]
