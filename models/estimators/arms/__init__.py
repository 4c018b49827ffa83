"""The kind `arms`: which pixels of a picture belong to spiral arms, and how much of its light they have.

* `estimator.py`: a network of one map, read as logits
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.arms.estimator import ArmsEstimator, best_threshold, flux_ratio
from models.map_networks import map_network_module

__label__ = "arms_kind"
__all__ = ["ArmsEstimator", "best_threshold", "build", "flux_ratio", "modules"]


def build(config: Mapping[str, Any]) -> ArmsEstimator:
    """An estimator of arms."""
    return ArmsEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, map_network_module(config["network"]))
