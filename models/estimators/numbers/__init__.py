"""The kind `numbers`: parameters in physical units, each with its error.

* `estimator.py`: a network, read as a Gaussian (`gaussian.py`) on scales where errors are close to one (`scales.py`)
* `scoring.py`: the same, taken to the maximum of the likelihood; `trust.py`: where an answer is not to be trusted
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.numbers.answer import LEVELS, Answer
from models.estimators.numbers.estimator import NumbersEstimator
from models.estimators.numbers.scoring import ScoringEstimator
from models.estimators.numbers.trust import doubts
from models.networks import network_module

__label__ = "numbers_kind"
__all__ = ["LEVELS", "Answer", "NumbersEstimator", "ScoringEstimator", "build", "doubts", "modules"]


def build(config: Mapping[str, Any]) -> NumbersEstimator:
    """An estimator of numbers, with a search behind it where the configuration has steps of it."""
    return ScoringEstimator(config) if config["scoring_steps"] else NumbersEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, network_module(config["network"]))
