"""Whether two answers are the same, as a proof takes it: numbers by their field's tolerance, doubts by their words.

difference <= allowed(output, recorded)                 # recorded: the outputs by name, batch first
alike("a second source has 16 % of the flux", "a second source has 16.1 % of the flux")
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.fields import Field

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_DOUBTED_WITHIN = 0.01
"""Relative difference of the numbers in a doubt: they are rounded for a reader, whose last digit may flip."""


def allowed(output: Field, recorded: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """By how much each entry of an output may differ, in its shape.

    Args:
        output: whose tolerance it is.
        recorded: all outputs, by the name of their field.
    """
    values = recorded[output.name]
    scale = np.abs(recorded[output.of or output.name].astype(np.float64))
    scale = scale.reshape(scale.shape + (1,) * (values.ndim - scale.ndim))
    most: np.ndarray[Any, np.dtype[np.float64]] = np.broadcast_to(
        output.absolute + output.relative * scale, values.shape
    )
    return most


def all_alike(doubts: Sequence[str], recorded: Sequence[str]) -> bool:
    """Whether an answer is doubted for the same reasons; what is measured in them may differ a little."""
    return len(doubts) == len(recorded) and all(map(alike, doubts, recorded))


def alike(doubt: str, recorded: str) -> bool:
    """Whether two lines say the same, number by number to within `_DOUBTED_WITHIN`."""
    (said, numbers), (before, expected) = _numbers_apart(doubt), _numbers_apart(recorded)
    return said == before and bool(np.allclose(numbers, expected, rtol=_DOUBTED_WITHIN, atol=0))


def _numbers_apart(line: str) -> tuple[str, list[float]]:
    """A line without its numbers, and these; digits of a name, such as `band2`, belong to the name."""
    return _NUMBER.sub("#", line), [float(number) for number in _NUMBER.findall(line)]
