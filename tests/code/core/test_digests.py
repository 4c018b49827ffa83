"""Digests: what counts as a change, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.digests import value_digest


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=5))
def test_key_order_does_not_matter_and_a_change_does(value: dict[str, int | str | bool]) -> None:
    assert value_digest(value) == value_digest(dict(reversed(value.items())))
    assert value_digest(value) != value_digest({**value, "one more key, never drawn": 1})


def test_nan_has_no_digest() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        value_digest({"x": float("nan")})
