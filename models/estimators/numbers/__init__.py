"""The kind `numbers`: parameters in physical units, each with its error.

* `estimator.py`: a network, read as a Gaussian (`gaussian.py`) on scales where errors are close to one (`scales.py`)
* `known.py`: what is known of images, however it is said; `answer.py`, `answer_fields.py`: what is served of it
* `scoring.py`: the same network, and a search: the likelihood with its bias (`likelihood_bias.py`), and the posterior
  by draws (`weighted_draws.py`) from a mixture (`mixture.py`, `proposal.py`)
* `departures.py`, `sensitivities.py`: what in an image no galaxy explains, and what moves answers unseen;
  `held_fields.py`: both as they are served; `tested_range.py`: both, and ranges, as reasons to doubt
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.familiar import FALSE_ALARMS
from models.estimators.numbers.answer import LEVELS, Answer
from models.estimators.numbers.departures import TESTS
from models.estimators.numbers.estimator import NumbersEstimator
from models.estimators.numbers.proposal import Features, mirrored
from models.estimators.numbers.scoring import ScoringEstimator
from models.estimators.numbers.sensitivities import PSF_ERRORS, STEPS
from models.estimators.numbers.tested_range import range_doubts
from models.networks import network_module

__label__ = "numbers_kind"
__all__ = [
    "FALSE_ALARMS",
    "LEVELS",
    "PSF_ERRORS",
    "STEPS",
    "TESTS",
    "Answer",
    "Features",
    "NumbersEstimator",
    "ScoringEstimator",
    "build",
    "mirrored",
    "modules",
    "range_doubts",
]


def build(config: Mapping[str, Any]) -> NumbersEstimator:
    """An estimator of numbers, with a search behind it where the configuration has steps of it."""
    return ScoringEstimator(config) if config["scoring_steps"] else NumbersEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, network_module(config["network"]))
