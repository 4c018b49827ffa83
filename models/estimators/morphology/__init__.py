"""The kind `morphology`: what a galaxy on a picture is, answered the same from either side of a mirror.

* `estimator.py`: a network's vector of a picture and of its mirror image, read as logits
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.morphology.estimator import MorphologyEstimator
from models.networks import network_module

__label__ = "morphology_kind"
__all__ = ["MorphologyEstimator", "build", "modules"]


def build(config: Mapping[str, Any]) -> MorphologyEstimator:
    """An estimator of classes."""
    return MorphologyEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, network_module(config["network"]))
