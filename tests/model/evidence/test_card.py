"""A card says where the pictures behind a model come from, under which terms, and which could not be read."""

from pathlib import Path
from typing import Any

from components.evidence.card import write_card
from components.evidence.keeping import write_folder
from components.fields.dataset import Dataset
from components.fields.use import Use

DESCRIPTION: dict[str, Any] = {
    "problem": "own-pictures",
    "weights_sha256": "0" * 64,
    "git": {"commit": "1" * 40, "dirty": False},
    "inputs": {"training": {"settings": {"network": "cnn", "width": 8}}},
    "history": [],
    "fingerprint": "f",
}


def test_licences_credits_and_what_was_skipped_are_on_the_card(tmp_path: Path) -> None:
    write_folder(tmp_path / "evaluation", plots={}, tables={}, sections=())
    material = {
        "pictures": 58,
        "skipped": {"g003": "cannot be read <here>"},
        "licences": {"CC BY 4.0": 58},
        "credits": {"ada": 58},
    }
    dataset = Dataset(folder=tmp_path, manifest={"settings": {"path": "mine"}, "material": material})
    page = write_card(
        tmp_path / "evaluation",
        DESCRIPTION,
        dataset,
        use=Use(intended="Pictures.", out_of_scope=("<x-rays>",)),
        summary="",
        confirmed_on="the split",
        hardware="a slow machine",
        honesty=None,
    ).read_text(encoding="utf-8")
    for row in ('read, licences: CC BY 4.0</td><td class="text">58', "read, credits: ada", "read, pictures"):
        assert row in page
    assert "<li>&lt;x-rays&gt;</li>" in page
    assert "No rules were asked yet" in page
    assert "a slow machine" in page
    assert 'g003</td><td class="text">cannot be read &lt;here&gt;' in page
