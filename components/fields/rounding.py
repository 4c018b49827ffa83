"""Rounding to stated steps: what is stored is the same to the byte on every machine.

    flux = rounded(low + (high - low) * uniform, decimals=6)
    bound = significant(bound, digits=6)

Sums, exp, log and cos differ in their last bits between processors and libraries. So everything that a dataset stores
is computed in float64 and rounded to steps that are a billion times as large as those differences, before anything is
decided by it. What is left is the chance that a value lies as close as that to the middle between two steps: the number
of values × their mean difference / step, which the conformance tests hold below 0.01 for a whole dataset.
"""

from typing import Any

import numpy as np

__label__ = "rounding"

Numbers = np.ndarray[Any, np.dtype[np.float64]]

_POWERS = np.array([float(f"1e{power}") for power in range(-300, 301)])


def steps(values: Numbers, decimals: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The whole numbers of steps of 10^−decimals that are nearest to some values, of which all lie below 9e18 steps.

    Raises:
        ValueError: when the values are not float64, in which alone differences between machines are small enough.
    """
    if values.dtype != np.float64:
        raise ValueError(f"values of {values.dtype} cannot be rounded to the same steps everywhere: must be float64")
    return _nearest(values * 10**decimals).astype(np.int64)


def rounded(values: Numbers, decimals: int) -> Numbers:
    """Float64 values rounded to decimals."""
    result: Numbers = steps(values, decimals) / 10**decimals
    return result


def significant(values: Numbers, digits: int) -> Numbers:
    """Float64 values rounded to significant digits; 0, NaN and infinities stay as they are."""
    size = np.abs(values)
    ordinary = np.isfinite(values) & (size >= _POWERS[0] * 10**digits)
    exponent = np.searchsorted(_POWERS, np.where(ordinary, size, 1.0), side="right") - 1  # of the power just below
    shift = exponent - (len(_POWERS) // 2) - (digits - 1)
    # Multiplied and divided by powers that are exact, so that 0.123457 is the float that is written so.
    up, down = (_POWERS[np.clip(power, -300, 300) + len(_POWERS) // 2] for power in (-shift, shift))
    whole = _nearest(np.where(shift < 0, np.where(ordinary, values, 0) * up, np.where(ordinary, values, 0) / down))
    result: Numbers = np.where(ordinary, np.where(shift < 0, whole / up, whole * down), values)
    return result


def _nearest(in_steps: Numbers) -> Numbers:
    """Values in units of their steps, rounded; what rounds anything rounds it here."""
    result: Numbers = np.rint(in_steps)
    return result
