"""What `assay predict` does beside its server's start: catalogue and files are read, and what is wrong is told."""

import time
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import AssayError
from flows.asked_files import Catalogue
from flows.commands import predicting
from tests.conftest import make_house
from tests.drills.commands import assay_here, refused

NOBODY = "http://127.0.0.1:9"
"""Where nothing listens."""


def predict(tmp_path: Path, catalogue: str) -> None:
    (tmp_path / "a.fits").write_bytes(b"")
    predicting.predict(
        problem="galaxy-shape", files=[tmp_path / "a.fits"], catalogue=tmp_path / catalogue,
        out=tmp_path / "answers.csv", url=NOBODY,
    )  # fmt: skip


def test_no_file_is_read_before_the_catalogue_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that import parts of astropy at once get half of them, or wait for each other."""
    read: list[str] = []

    def catalogue(*_: Any) -> Catalogue:
        time.sleep(0.3)
        read.append("catalogue")
        return Catalogue({}, {})

    def away(*_: Any) -> None:
        deadline = time.monotonic() + 10
        while len(read) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        raise AssayError("nobody is there")

    monkeypatch.setattr(predicting, "read_catalogue", catalogue)
    monkeypatch.setattr(predicting, "read_file", lambda *_, **__: read.append("file"))
    monkeypatch.setattr(predicting, "wanted_by", away)
    with pytest.raises(AssayError, match="nobody is there"):
        predict(tmp_path, "any.csv")
    assert read == ["catalogue", "file"]


def test_a_wrong_catalogue_is_told_before_a_server_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(AssayError, match=r"nothing\.csv"):
        predict(tmp_path, "nothing.csv")
    (tmp_path / "right.csv").write_text("file,ra\na.fits,1\n")
    with pytest.raises(AssayError, match="gave no answer"):
        predict(tmp_path, "right.csv")


def test_an_empty_stage_is_told_after_a_wrong_catalogue(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house")
    (house.root / "a.fits").write_bytes(b"")
    asked = ("predict", "galaxy-shape", "a.fits", "--out", "answers.csv")
    refused(assay_here(house, *asked, "--catalogue", "none.csv"), "none.csv: there is no such file")
    refused(assay_here(house, *asked), "galaxy-shape has nothing in production")
