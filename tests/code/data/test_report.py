"""Reports on data: what a killed command left half-written is in nobody's way."""

from pathlib import Path

from components.data.report import reports_folder


def test_what_was_left_half_written_is_not_listed(tmp_path: Path) -> None:
    folder = tmp_path / "gx" / "reports" / "galaxy-shape"
    folder.mkdir(parents=True)
    name = "2026-11-29T03-21-23.553482Z_45d1cbe5054a_passed.html"
    for left in (f".{name}", f".{name}.0123abcd.partial", name):
        (folder / left).write_text("half of it", encoding="utf-8")
    index = (reports_folder(tmp_path) / "index.html").read_text(encoding="utf-8")
    assert index.count("45d1cbe5054a_passed.html") == 1
    assert "galaxy-shape/2026" in index
