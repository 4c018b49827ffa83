"""The kind `mask`: for each pixel the probability that it belongs to what is looked for.

* `estimator.py`: a network of one map, read as logits
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.mask.estimator import MaskEstimator
from models.map_networks import map_network_module

__label__ = "mask_kind"
__all__ = ["MaskEstimator", "build", "modules"]


def build(config: Mapping[str, Any]) -> MaskEstimator:
    """An estimator of a mask."""
    return MaskEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, map_network_module(config["network"]))
