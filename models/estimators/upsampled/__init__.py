"""The kind `upsampled`: a picture as it was before it was resized to a fraction, with the error of each pixel.

* `estimator.py`: a network of maps, its answer brought to what resizing left; `resizing.py`: that as matrices
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.upsampled.estimator import LOSSES, TESTS, UpsampledEstimator
from models.estimators.upsampled.resizing import Resizing
from models.map_networks import map_network_module

__label__ = "upsampled_kind"
__all__ = ["LOSSES", "TESTS", "Resizing", "UpsampledEstimator", "build", "modules"]


def build(config: Mapping[str, Any]) -> UpsampledEstimator:
    """An estimator of a picture before resizing."""
    return UpsampledEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, map_network_module(config["network"]))
