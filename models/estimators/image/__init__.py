"""The kind `image`: another image of the same size, such as one without noise, with the error of each pixel.

* `estimator.py`: a network of two maps, read as a Gaussian in each pixel
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.image.estimator import ImageEstimator
from models.map_networks import map_network_module

__label__ = "image_kind"
__all__ = ["ImageEstimator", "build", "modules"]


def build(config: Mapping[str, Any]) -> ImageEstimator:
    """An estimator of an image."""
    return ImageEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, map_network_module(config["network"]))
