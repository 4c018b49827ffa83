"""From an image to the image behind it, such as the one without noise or blur, and the error of each of its pixels.

    estimator = ImageEstimator(config)
    outputs = estimator({"image": image_bhw, "sigma": sigma_b})      # {"restored": …, "restored_error": …}

The network says in units of the noise what to add to the image, and the logarithm of a Gaussian's standard deviation,
pixel by pixel. Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from models.estimators.scaled_images import ImageInputEstimator
from models.fields import Arrays, Field
from models.map_networks import find_map_network

__label__ = "image_estimator"

_LOG_SD = (-6.0, 4.0)
"""Range of the logarithm of a pixel's error over its noise: from 0.25 % of the noise to 55 times it."""
TOLERANCE = 1e-3
"""Of the stated error: how far the same model may answer otherwise on another processor."""
_ROUNDING = 1e-4
"""Of a usual image's noise: what float32 does to pixels a thousand times above it, whose stated error may be less."""


class ImageEstimator(ImageInputEstimator):
    """A network with its units.

    Args:
        config: as of `ImageInputEstimator`, and network, width: which of `models.map_networks`, how wide.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.network = find_map_network(config["network"])(
            channels=self.map_channel_count, maps=2, width=int(config["width"])
        )

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The restored image, and the root mean square error of each of its pixels."""
        shared: dict[str, Any] = {
            "shape": (self.size, self.size),
            "unit": self.config["unit"],
            "absolute": _ROUNDING * self.typical_noise,
            "relative": TOLERANCE,
            "of": "restored_error",
        }
        error = Field(name="restored_error", limits=(0, None), **shared)
        return (Field(name="restored", **shared), error, *self.familiar_fields())

    @property
    def targets(self) -> tuple[Field, ...]:
        """The image without noise."""
        return (Field(name="clean_image", shape=(self.size, self.size), unit=self.config["unit"]),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        noise_bhw = self.noise(inputs)[:, None, None]
        residual_bhw, log_sd_bhw = self._maps(inputs)
        return {
            "restored": inputs["image"] + noise_bhw * residual_bhw,
            "restored_error": noise_bhw * log_sd_bhw.exp(),
            **self.familiar_arrays(inputs),
        }

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Negative log-likelihood of `clean_image`, mean over pixels in units of the noise, less a constant, (b,)."""
        residual_bhw, log_sd_bhw = self._maps(inputs)
        wanted_bhw = (targets["clean_image"] - inputs["image"]) / self.noise(inputs)[:, None, None]
        miss_bhw = (wanted_bhw - residual_bhw) * (-log_sd_bhw).exp()
        return (miss_bhw.square() / 2 + log_sd_bhw).mean(dim=(1, 2))

    def _maps(self, inputs: Arrays) -> tuple[Tensor, Tensor]:
        """What to add to the image, and the logarithm of its error, in units of the noise."""
        maps_bmhw: Tensor = self.network(self.map_channels(inputs))
        return maps_bmhw[:, 0], maps_bmhw[:, 1].clamp(*_LOG_SD)
