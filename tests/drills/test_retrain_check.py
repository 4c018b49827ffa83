"""`assay retrain --check` remembers what it found, until anything is written to that this was found by."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.params import load_settings
from components.core.workspace import Workspace
from components.ledger import Refusal, open_ledger
from components.lifecycle import remembered, retraining
from components.lifecycle.remembered import Due, Look
from components.problems.galaxy_shape.problem import GalaxyShape
from tests.conftest import make_house, write_params
from tests.drills.commands import assay_here, refused
from tests.drills.houses import LENIENT, NAME, mlflow_client, to_production

CHECK = ("retrain", NAME, "--check", "--json")
TICKS_S = 2.1
"""What is younger is not relied on."""


def check(house: Workspace) -> dict[str, Any]:
    done = assay_here(house, *CHECK)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def look(house: Workspace, size: str = "demo") -> Look:
    return Look.begin(house, NAME, size, began_ns=time.time_ns())


def remember(house: Workspace) -> dict[str, Any]:
    """What is remembered once files have been left alone."""
    assert look(house).recalled() is None
    time.sleep(TICKS_S)
    said = check(house)
    found = look(house).recalled()
    assert found == Due(reasons=tuple(said["reasons"]), why_not=said.get("outcome", ""), lasting=True)
    assert check(house) == said
    return said


def write_again(path: Path) -> None:
    """As if nobody had: the same bytes, and the times of before."""
    times, text = path.stat(), path.read_bytes()
    path.write_bytes(text)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.house("promoted")
def test_what_was_found_is_remembered_until_something_is_written_to(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_again(house.root / "params.yaml")
    assert check(house)["due"] is False
    assert look(house).recalled() is None, "what was written this moment may be written again unseen"
    assert "version 1 in production" in remember(house)["outcome"]

    write_params(house.root, LENIENT | {"train": LENIENT["train"] | {"epochs": 3}})
    assert look(house).recalled() is None
    said = remember(house)
    assert said["due"] is True
    assert any("epochs" in reason for reason in said["reasons"])
    write_params(house.root, LENIENT)
    assert remember(house)["due"] is False
    for path in (house.dataset(NAME) / "manifest.json", house.root / "data.dvc"):
        write_again(path)
        assert look(house).recalled() is None, path
    remember(house)
    assert look(house, "full").recalled() is None, "another size has other settings"

    monkeypatch.setenv("ASSAY_NOTIFY_URL", "http://example.com/events")
    refused(assay_here(house, *CHECK, ASSAY_NOTIFY_URL="http://example.com/events"), "must begin with https://")
    monkeypatch.delenv("ASSAY_NOTIFY_URL")
    to_production(house, 2)
    assert look(house).recalled() is None
    assert check(house)["due"] is True, "it was trained otherwise"


@pytest.mark.house("promoted")
def test_code_and_libraries_that_are_written_to_are_looked_at_again(
    house: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, elsewhere = tmp_path / "code" / "components", tmp_path / "elsewhere"
    site, library = tmp_path / "site", tmp_path / "site" / "some-1.dist-info" / "METADATA"
    for folder in (code, elsewhere, library.parent):
        folder.mkdir(parents=True)
    for path in (code / "drawing.py", elsewhere / "linked.py", library):
        path.write_text("VALUE = 1\n")
    (code / "linked").symlink_to(elsewhere)
    monkeypatch.setattr(remembered, "HOUSE", code.parent)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    writes: tuple[Callable[[], object], ...] = (
        lambda: write_again(code / "drawing.py"),
        lambda: write_again(elsewhere / "linked.py"),
        lambda: (code / "new.py").write_text(""),
        lambda: write_again(library),
        lambda: library.parent.rename(site / "some-2.dist-info"),
    )
    seen = {look(house).state}
    for write in writes:
        write()
        seen.add(look(house).state)
    assert len(seen) == 1 + len(writes)


@pytest.mark.house("promoted")
def test_a_memory_that_is_damaged_or_of_another_production_is_none(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(house)
    kept = Look.kept(house, NAME, "demo")
    whole = kept.read_text(encoding="utf-8")
    document = json.loads(whole)
    for damaged in (json.dumps(document | {"seal": "0" * 64}), whole[: len(whole) // 2], "[]", ""):
        kept.write_text(damaged, encoding="utf-8")
        assert look(house).recalled() is None, damaged
    kept.unlink()
    before = look(house)
    to_production(house, 2)
    before.remember(Due(reasons=(), lasting=True))
    assert not kept.exists(), "what was found may be of the version that came meanwhile"

    problem, settings = GalaxyShape(), load_settings(house.root / "params.yaml", NAME, GalaxyShape.settings)
    monkeypatch.setattr(retraining, "_changed_since", lambda *_: [])
    assert retraining.due(house, problem, settings).lasting
    monkeypatch.setattr(GalaxyShape, "material", lambda *_: {"pictures": "0" * 64})
    changing = retraining.due(house, problem, settings)
    assert not changing.lasting, "a folder of pictures changes by itself"
    look(house).remember(changing)
    assert not kept.exists()


def test_what_is_said_of_other_versions_is_looked_at_again(house: Workspace) -> None:
    assert remember(house) == {"due": True, "reasons": ["nothing is in production"]}
    assert assay_here(house, "archive", NAME, "1", "--reason", "it drifts").returncode == 0
    said = remember(house)
    assert said["due"] is False
    assert said["outcome"] == "version 1, made of the same, was archived or rolled back from"
    mlflow_client(house).delete_model_version(NAME, "1")
    assert remember(house) == {"due": True, "reasons": ["nothing is in production"]}
    weights = open_ledger(house).history(NAME)[0].weights_sha256
    refusal = Refusal(
        problem=NAME,
        version=2,
        weights_sha256=weights,
        stage="staging",
        rules="0" * 64,
        actor="ann",
        reason="it drifts",
    )
    assert open_ledger(house).refusals.add(refusal)
    assert look(house).recalled() is None


def test_settings_that_are_wrong_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house")
    params = house.root / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8") + "nonsense: 1\n", encoding="utf-8")
    refused(assay_here(house, *CHECK), "unknown key nonsense")
    assert not house.home.exists()
