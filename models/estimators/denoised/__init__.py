"""The kind `denoised`: an image without its noise, the error of each pixel, and what kind of noise it was.

* `estimator.py`: a network of maps, scaled by the image's own maximum; `noise_kind.py`: which noise it is;
  `spoilt_channels.py`: how the network is shown an image
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.denoised.estimator import DenoisedEstimator
from models.map_networks import map_network_module

__label__ = "denoised_kind"
__all__ = ["DenoisedEstimator", "build", "modules"]


def build(config: Mapping[str, Any]) -> DenoisedEstimator:
    """An estimator of an image without its noise."""
    return DenoisedEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, map_network_module(config["network"]))
