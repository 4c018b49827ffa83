"""Digests: what counts as a change, and what does not."""

import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.digests import code_digest, value_digest

CODE = 'def f(x):\n    """Says what f does."""\n    return x + 1  # a reason\n'


def digest_of(folder: Path, text: str) -> str:
    path = folder / "simulator.py"
    path.write_text(text, encoding="utf-8")
    module = types.ModuleType("simulator")
    module.__file__ = str(path)
    return code_digest([module])["simulator"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (CODE.replace("# a reason", "# another reason"), True),
        (CODE.replace("Says what f does.", "Says it better."), True),
        (CODE.replace("x + 1", "(x +\n            1)"), True),
        (CODE.replace("x + 1", "x + 2"), False),
        (CODE.replace("(x)", "(x, y=0)"), False),
    ],
)
def test_only_what_code_does_changes_its_digest(tmp_path: Path, text: str, same: bool) -> None:
    assert (digest_of(tmp_path, text) == digest_of(tmp_path, CODE)) is same


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=5))
def test_key_order_does_not_matter_and_a_change_does(value: dict[str, int | str | bool]) -> None:
    assert value_digest(value) == value_digest(dict(reversed(value.items())))
    assert value_digest(value) != value_digest({**value, "one more key, never drawn": 1})


def test_nan_has_no_digest() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        value_digest({"x": float("nan")})
