"""From an image and its conditions to parameters with errors, in physical units.

`Estimator` wraps any network of this folder: it scales the image by its noise, hands the conditions over standardised,
and turns the network's outputs (a mean and a log standard deviation of each parameter, in a space where errors are
close to Gaussian) into physical units. It is built from a plain dictionary, so that a package needs no code but this
folder's:

    estimator = Estimator(config)
    mean_bp, sd_bp = estimator(image_bhw, conditions_bc)
"""

from typing import Any

import torch
from torch import Tensor, nn

from models import cnn, unet_regressor

NETWORKS: dict[str, type[nn.Module]] = {"cnn": cnn.PlainCNN, "unet": unet_regressor.UNetRegressor}
"""Networks by name; each is built with (channels, size, conditions, outputs, width)."""
NETWORK_MODULES = (cnn, unet_regressor)
"""Where they are defined: their code decides what a training comes to."""

_LOG_SD_RANGE = (-6.0, 2.0)
"""Bounds of the predicted log sd, in units of the prior's: e^-6 is far below any bound, e^2 far above the prior."""


class Estimator(nn.Module):
    """A network with its units.

    Args:
        config: with the keys
            network, width: which network, how wide;
            size: pixels on a side;
            noise: name of the condition that is the noise of a pixel, in the image's units;
            conditions: list of {name, mean, sd}, mean and sd of the condition's logarithm;
            outputs: list of {name, scale, mean, sd}, where `scale` is `linear`, `log` (the network sees the
                logarithm) or `log_over_noise` (the logarithm of the ratio to the noise), and mean and sd are those
                of the prior on that scale.
    """

    condition_mean: Tensor
    condition_sd: Tensor
    output_mean: Tensor
    output_sd: Tensor
    is_log: Tensor
    is_over_noise: Tensor

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.config = config
        self.size = int(config["size"])
        self.condition_names = tuple(condition["name"] for condition in config["conditions"])
        self.output_names = tuple(output["name"] for output in config["outputs"])
        self._noise = self.condition_names.index(config["noise"])
        if config["network"] not in NETWORKS:
            raise ValueError(f"network = {config['network']!r}: must be one of {', '.join(NETWORKS)}")
        self.network = NETWORKS[config["network"]](
            channels=2,
            size=self.size,
            conditions=len(self.condition_names),
            outputs=2 * len(self.output_names),
            width=int(config["width"]),
        )
        scales = [output["scale"] for output in config["outputs"]]
        for name, values in {
            "condition_mean": [condition["mean"] for condition in config["conditions"]],
            "condition_sd": [condition["sd"] for condition in config["conditions"]],
            "output_mean": [output["mean"] for output in config["outputs"]],
            "output_sd": [output["sd"] for output in config["outputs"]],
            "is_log": [float(scale != "linear") for scale in scales],
            "is_over_noise": [float(scale == "log_over_noise") for scale in scales],
        }.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    def standardise(self, truth_bp: Tensor, conditions_bc: Tensor) -> Tensor:
        """Physical parameters in the network's space, where the prior has mean 0 and sd 1."""
        scaled_bp = torch.where(self.is_log > 0, truth_bp.clamp_min(1e-12).log(), truth_bp)
        return (scaled_bp - self._offset(conditions_bc)) / self.output_sd

    def standard(self, image_bhw: Tensor, conditions_bc: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log sd of each parameter in the network's space, both of shape (b, p)."""
        ratio_bhw = image_bhw / conditions_bc[:, self._noise, None, None]
        # Wings live near the noise, cores far above it: one channel resolves each.
        channels_bchw = torch.stack([torch.asinh(ratio_bhw), ratio_bhw / 16], dim=1)
        scaled_bc = (conditions_bc.log() - self.condition_mean) / self.condition_sd
        mean_bp, log_sd_bp = self.network(channels_bchw, scaled_bc).chunk(2, dim=1)
        return mean_bp, log_sd_bp.clamp(*_LOG_SD_RANGE)

    def forward(self, image_bhw: Tensor, conditions_bc: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and sd of each parameter in physical units, both of shape (b, p).

        A parameter on a logarithmic scale has a log-normal posterior; its mean and sd are given.
        """
        mean_bp, log_sd_bp = self.standard(image_bhw, conditions_bc)
        mean_bp = mean_bp * self.output_sd + self._offset(conditions_bc)
        sd_bp = log_sd_bp.exp() * self.output_sd
        # The clamp only matters for images unlike any galaxy, whose answers must stay finite.
        log_mean_bp = (mean_bp + sd_bp**2 / 2).clamp(-60, 60).exp()
        log_sd_ratio_bp = torch.expm1((sd_bp**2).clamp_max(60)).sqrt()
        is_log = self.is_log > 0
        return torch.where(is_log, log_mean_bp, mean_bp), torch.where(is_log, log_mean_bp * log_sd_ratio_bp, sd_bp)

    def _offset(self, conditions_bc: Tensor) -> Tensor:
        log_noise_b1 = conditions_bc[:, self._noise, None].log()
        return self.output_mean + self.is_over_noise * log_noise_b1
