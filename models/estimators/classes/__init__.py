"""The kind `classes`: for each image the probability of every class.

* `estimator.py`: a network's vector, read as logits
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.classes.estimator import ClassesEstimator
from models.networks import network_module

__label__ = "classes_kind"
__all__ = ["ClassesEstimator", "build", "modules"]


def build(config: Mapping[str, Any]) -> ClassesEstimator:
    """An estimator of classes."""
    return ClassesEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, network_module(config["network"]))
