"""`assay retrain --check` remembers that nothing had changed, until anything is written to that this was found by."""

import json
import os
import time
from pathlib import Path

import pytest

from components.core.workspace import Workspace
from components.lifecycle.unchanged import Look
from tests.conftest import write_params
from tests.drills.commands import assay_here
from tests.drills.houses import LENIENT, NAME, to_production

CHECK = ("retrain", NAME, "--check", "--json")
TICKS_S = 2.1
"""What is younger is not relied on."""


def check(house: Workspace) -> dict[str, object]:
    done = assay_here(house, *CHECK)
    assert done.returncode == 0, done.stderr
    said: dict[str, object] = json.loads(done.stdout)
    return said


def recalled(house: Workspace) -> str | None:
    return Look.begin(house, NAME, "demo").recalled()


def remembered(house: Workspace) -> str:
    """What is remembered once files have been left alone."""
    assert recalled(house) is None
    time.sleep(TICKS_S)
    said = check(house)
    assert said["due"] is False
    assert recalled(house) == said["outcome"]
    assert check(house) == said
    return str(said["outcome"])


@pytest.mark.house("promoted")
def test_what_was_found_is_remembered_until_something_is_written_to(house: Workspace) -> None:
    assert check(house)["due"] is False
    assert recalled(house) is None, "what was written this moment may be written again unseen"
    assert "version 1 in production" in remembered(house)

    write_params(house.root, LENIENT | {"train": LENIENT["train"] | {"epochs": 3}})
    assert recalled(house) is None
    said = check(house)
    assert said["due"] is True
    assert any("epochs" in reason for reason in said["reasons"])  # type: ignore[attr-defined]
    assert recalled(house) is None, "a retraining that is due is looked up each time"
    write_params(house.root, LENIENT)
    remembered(house)

    manifest = house.dataset(NAME) / "manifest.json"
    times = manifest.stat()
    manifest.write_text(manifest.read_text(encoding="utf-8"), encoding="utf-8")
    os.utime(manifest, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if nobody had
    remembered(house)

    assert Look.begin(house, NAME, "full").recalled() is None, "another size has other settings"
    to_production(house, 2)
    assert recalled(house) is None
    assert check(house)["due"] is True, "it was trained otherwise"


@pytest.mark.house("promoted")
def test_a_memory_that_is_damaged_is_none(house: Workspace) -> None:
    remembered(house)
    kept: Path = Look.begin(house, NAME, "demo").kept
    kept.write_text(kept.read_text(encoding="utf-8").replace('"state": "', '"state": "0'), encoding="utf-8")
    assert recalled(house) is None
    assert check(house)["due"] is False
