"""Numbers that a person reads have no power of ten where they need none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core import significant


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (110.3, 2, "110"),
        (99.7, 2, "100"),
        (307.66, 3, "308"),
        (0.0412, 2, "0.041"),
        (-12345.6, 4, "-12350"),
        (1.5, 4, "1.5"),
        (2.34e6, 2, "2.3e+06"),
        (math.nan, 3, "nan"),
        (-math.inf, 3, "-inf"),
    ],
)
def test_a_number_is_shown_to_its_significant_digits(value: float, digits: int, shown: str) -> None:
    assert significant(value, digits) == shown


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 6))
def test_what_is_shown_is_the_number_to_half_its_last_digit(value: float, digits: int) -> None:
    assert float(significant(value, digits)) == pytest.approx(value, rel=0.51 * 10 ** (1 - digits), abs=1e-320)
