"""Probabilities that are answered: from log odds, and never 0 or 1.

probability(log_odds_bhw), as_probability(chance_bhw)
"""

from torch import Tensor

__label__ = "probabilities"

_LEAST = 1e-6
"""Least probability of either answer: float32 has no number between 1 and one much closer to it."""
TOLERANCE = 1e-3
"""How far a probability of the same model may be another on another processor."""


def probability(log_odds: Tensor) -> Tensor:
    """What log odds stand for."""
    return as_probability(log_odds.sigmoid())


def as_probability(chance: Tensor) -> Tensor:
    """A number from 0 to 1 that is neither, so that no log score is infinite."""
    return chance.clamp(_LEAST, 1 - _LEAST)
