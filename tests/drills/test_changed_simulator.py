"""A house with its own copy of the code, whose simulator is changed: retraining is due, broken data is refused."""

import json
import time
from pathlib import Path

import pytest

from components.core.workspace import Workspace
from components.ledger.ledger import Ledger
from tests.code.lifecycle.receivers import Receiver
from tests.conftest import commit, make_house_with_code
from tests.drills.commands import assay, refused


@pytest.fixture
def house(tmp_path: Path) -> Workspace:
    return make_house_with_code(tmp_path / "house")


def change(house: Workspace, before: str, after: str) -> None:
    path = house.root / "components" / "simulators" / "sersic" / "draws.py"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.ci
def test_simulator_that_draws_nan_stops_before_anything_is_versioned(house: Workspace) -> None:
    drawn = "    return pd.concat(tables).sort_index()\n"
    change(house, drawn, "    stamps_bhw[3, 10, 10] = np.nan\n" + drawn)
    refused(assay(house, "run", "galaxy-shape"), "galaxy-shape.images", "not_finite", "rows")
    assert not (house.root / "data.dvc").exists()
    assert not (house.root / "data").exists()
    assert not (house.home / "models").exists()
    assert not (house.home / "optuna.db").exists()
    for kept in (house.home / "prefect" / "storage").glob("*"):
        json.loads(kept.read_text(encoding="utf-8"))  # and no pickle


@pytest.mark.slow
@pytest.mark.ci
def test_whoever_is_to_be_told_hears_once_of_a_retraining_whose_data_is_refused(house: Workspace) -> None:
    """Through real flows, whose engine hands errors on."""
    drawn = "    return pd.concat(tables).sort_index()\n"
    change(house, drawn, "    stamps_bhw[3, 10, 10] = np.nan\n" + drawn)
    told = Receiver()
    try:
        done = assay(house, "retrain", "galaxy-shape", "--json", ASSAY_NOTIFY_URL=told.url)
        assert done.returncode == 0, done.stderr
        deadline = time.monotonic() + 60
        while list((house.home / "outbox").glob("*.json")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        told.server.shutdown()
    (event,) = (json.loads(body) for body, _ in told.got)
    assert json.loads(done.stdout)["outcome"] == f"production stays: {event['reason']}"
    assert {name: event[name] for name in ("event", "problem", "size", "step")} == {
        "event": "failed",
        "problem": "galaxy-shape",
        "size": "demo",
        "step": "validate",
    }


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_changed_simulator_is_noticed_and_never_puts_a_worse_model_into_production(house: Workspace) -> None:
    check = ["retrain", "galaxy-shape", "--check", "--json"]
    assert json.loads(assay(house, *check).stdout)["reasons"] == ["nothing is in production"]
    assert assay(house, "run", "galaxy-shape").returncode == 0
    commit(house.root)
    said = json.loads(assay(house, *check).stdout)
    assert (said["due"], said["reasons"]) == (False, [])
    assert "are those that version 1 in production was made from" in said["outcome"]
    unchanged = json.loads(assay(house, "retrain", "galaxy-shape", "--json").stdout)
    assert unchanged["due"] is False

    change(house, "def draw_galaxies(", "# a comment is no change\ndef draw_galaxies(")
    assert json.loads(assay(house, *check).stdout)["due"] is False
    due = {"due": True, "reasons": ["simulator code: sersic_draws changed"]}
    change(house, "_BLOCK = 256", "_BLOCK = 250")  # which draws the same images, as is known when they are drawn
    assert json.loads(assay(house, *check).stdout) == due
    assert json.loads(assay(house, "retrain", "galaxy-shape", "--json").stdout)["outcome"] == (
        "version 1 is in production"
    )
    said = json.loads(assay(house, *check).stdout)
    assert (said["due"], said["reasons"]) == (False, [])
    assert "are those that version 1 in production was made from" in said["outcome"]

    change(house, "stream=len(tables)", "stream=9 + len(tables)")
    assert json.loads(assay(house, *check).stdout) == due
    done = assay(house, "retrain", "galaxy-shape", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)["outcome"]
    ledger = Ledger(f"sqlite:///{house.home / 'assay.db'}")
    production = ledger.holder("galaxy-shape", "production")
    entry = [entry for entry in ledger.history("galaxy-shape") if entry.to_stage == "production"][-1]
    if production == 1:
        assert "production stays" in outcome
        assert "loss_over_production" in outcome
    else:
        compared = [gate for gate in entry.evidence["gates"] if gate["metric"].startswith("loss_over_production")]
        assert [gate["verdict"] for gate in compared] == ["pass"]
        assert compared[0]["details"]["standing"] in ("better", "not worse")
