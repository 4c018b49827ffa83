"""Texts are written whole or not at all."""

from pathlib import Path

import pytest

from components.core.writing import write_whole


def test_a_text_that_cannot_be_written_leaves_the_former_one_and_nothing_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "deep" / "card.json", "before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "deep" / "card.json", "\ud800")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["card.json"]
    assert (tmp_path / "deep" / "card.json").read_text(encoding="utf-8") == "before"
