"""Promotion with real models: gates, overrides, rollback, what is done by hand behind its back, and cleaning up."""

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.datasets import Dataset
from components.ledger import Ledger, open_ledger
from components.problems import find_problem
from components.serving import package_folder, served
from components.workspace import Workspace
from tests.conftest import write_params
from tests.drills.commands import assay_here, refused
from tests.drills.houses import LENIENT, NAME, copy_house, make_candidates, mlflow_client


def gates(*rules: dict[str, Any]) -> dict[str, Any]:
    """The settings with other rules for staging."""
    return LENIENT | {"gates": LENIENT["gates"] | {"staging": list(rules)}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Workspace:
    """A house with three candidates."""
    return make_candidates(tmp_path_factory.mktemp("promotion") / "house", small_dataset.folder, 3)


@pytest.fixture
def house(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, to do anything with."""
    return copy_house(made, tmp_path / "house")


def promote(house: Workspace, version: int, stage: str, *more: str) -> Any:
    return assay_here(house, "promote", NAME, str(version), "--to", stage, "--reason", "a reason", *more)


def to_production(house: Workspace, version: int, *more: str) -> None:
    for stage, options in (("staging", ()), ("production", more)):
        done = promote(house, version, stage, *options)
        assert done.returncode == 0, done.stderr


def ledger(house: Workspace) -> Ledger:
    return open_ledger(house)


def agrees(house: Workspace) -> None:
    done = assay_here(house, "reconcile", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stdout


def test_a_version_goes_to_production_and_the_ledger_says_on_what_evidence(house: Workspace) -> None:
    refused(promote(house, 1, "production"), "version 1 is candidate: promote it to staging first")
    assert promote(house, 1, "staging").returncode == 0
    refused(promote(house, 1, "production"), "nothing in production that version 1 could be compared with: say --first")
    assert promote(house, 1, "production", "--first").returncode == 0
    entry = ledger(house).history(NAME)[-1]
    assert (entry.action, entry.previous_version, entry.override) == ("promote", None, None)
    assert entry.evidence["proof"]["digest"] == entry.package_digest
    (score, *_) = entry.evidence["gates"]
    assert score["metric"] == "score.test"
    assert score["low"] <= score["value"] <= score["high"]
    assert (score["limits"], score["verdict"], len(score["evidence"])) == ("≤ 1000", "pass", 64)

    to_production(house, 2)
    entry = ledger(house).history(NAME)[-2]
    compared = next(gate for gate in entry.evidence["gates"] if gate["metric"].startswith("loss_over_production."))
    assert {cell["parameter"] for cell in compared["details"]["cells"]} == set(find_problem(NAME).truths)
    assert entry.previous_version == 1
    refused(
        promote(house, 3, "staging", "--expect", "2"), "staging of galaxy-shape is empty and version 2 was expected"
    )
    refused(promote(house, 3, "production", "--first"), "version 3 is candidate")
    agrees(house)
    shown = mlflow_client(house).get_model_version(NAME, "2")
    assert shown.tags["stage"] == "production"
    assert "production since" in shown.description


def test_gates_refuse_and_an_override_is_shown_wherever_the_version_appears(house: Workspace) -> None:
    write_params(house.root, gates({"metric": "score.test", "max": 1e-3}, {"metric": "no.such", "min": 0}))
    refused(promote(house, 1, "staging"), "gate score.test fail: interval outside the limits", "(and 1 more)")
    assert ledger(house).stage_of(NAME, 1) == "candidate"
    assert not package_folder(house, f"{NAME}:any").parent.exists(), "what is refused is not packaged"
    today = datetime.now(UTC).date()
    by_hand = ("--override", "Ada Lovelace", "--until")
    refused(promote(house, 1, "staging", *by_hand[:2]), "--until YYYY-MM-DD go together", status=2)
    refused(promote(house, 1, "staging", *by_hand, "tomorrow"), "must be a day", status=2)
    yesterday = str(today - timedelta(days=1))
    refused(promote(house, 1, "staging", *by_hand, yesterday), f"the override ends on {yesterday}, which is over")
    done = promote(house, 1, "staging", *by_hand, str(today))
    assert done.returncode == 0, done.stderr
    assert "OVERRULED" in done.stdout

    said = f"by Ada Lovelace until {today}: a reason"
    assert ledger(house).current(NAME)[1].override["overruled"][0].startswith("gate score.test fail")  # type: ignore[index]
    (row,) = [row for row in json.loads(assay_here(house, "models", "--json").stdout) if row["version"] == 1]
    assert row["override"] == said
    for command in (("models",), ("history", NAME), ("trace", NAME, "1")):
        shown = assay_here(house, *command).stdout
        assert "OVERRIDE" in shown, shown
        assert "Ada Lovelace" in shown, shown
    assert mlflow_client(house).get_model_version(NAME, "1").tags["override"] == said
    agrees(house)
    image = house.root / "galaxy.npy"
    np.save(image, np.load(house.dataset(NAME) / "stamps-00000.npy")[0])
    given = ("--set", "sigma=200", "--set", "psf_fwhm=0.7", "--stage", "staging", "--json")
    answer = json.loads(assay_here(house, "predict", NAME, str(image), *given).stdout)
    assert answer["model"]["override"] == said

    write_params(house.root, LENIENT)
    assert promote(house, 2, "staging", *by_hand, str(today)).returncode == 0
    assert ledger(house).current(NAME)[2].override is None, "nothing had to be overruled"


def test_rollback_goes_to_the_last_good_version(house: Workspace) -> None:
    refused(assay_here(house, "rollback", NAME), "has no earlier good version")
    to_production(house, 1, "--first")
    to_production(house, 2)
    to_production(house, 3)
    for expected in (2, 1):  # not back to 3, which was rolled back from
        assert assay_here(house, "rollback", NAME, "--reason", "it drifts").returncode == 0
        assert ledger(house).holder(NAME, "production") == expected
    entry = ledger(house).history(NAME)[-2]
    assert (entry.action, entry.reason, entry.evidence["rolled_back_from"]) == ("rollback", "it drifts", 2)
    refused(assay_here(house, "rollback", NAME), "has no earlier good version")
    agrees(house)


def test_archive_never_empties_production(house: Workspace) -> None:
    to_production(house, 1, "--first")
    refused(assay_here(house, "archive", NAME, "1", "--reason", "old"), "version 1 is in production", "assay rollback")
    assert assay_here(house, "archive", NAME, "2", "--reason", "old").returncode == 0
    assert ledger(house).stage_of(NAME, 2) == "archived"
    history = ledger(house).history(NAME)
    assert assay_here(house, "archive", NAME, "2", "--reason", "again").returncode == 0
    assert ledger(house).history(NAME) == history, "nothing is done twice"
    refused(assay_here(house, "archive", NAME, "9", "--reason", "old"), "version 9 is not registered")
    agrees(house)


def test_what_was_done_by_hand_in_mlflow_is_reported_and_undone(house: Workspace) -> None:
    to_production(house, 1, "--first")
    client = mlflow_client(house)
    client.set_registered_model_alias(NAME, "production", "3")
    client.set_model_version_tag(NAME, "1", "stage", "archived")
    client.set_model_version_tag(NAME, "2", "weights.sha256", "0" * 64)
    refused(promote(house, 2, "staging"), "SHA-256 differs")
    done = assay_here(house, "reconcile", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["what"]: row for row in json.loads(done.stdout)}
    assert "alias production is 3 in MLflow, 1 by the ledger" in rows
    assert all(row["repaired"] and "assay promote" in row["todo"] for row in rows.values())
    assert int(client.get_model_version_by_alias(NAME, "production").version) == 1
    agrees(house)

    client.delete_model_version(NAME, "3")
    assert assay_here(house, "reconcile").returncode == 0
    assert ledger(house).stage_of(NAME, 3) == "archived"
    agrees(house)
    client.delete_model_version(NAME, "1")
    refused(assay_here(house, "reconcile"), "version 1, in production, was deleted from MLflow", "assay rollback")
    assert ledger(house).holder(NAME, "production") == 1


def test_an_older_copy_of_the_ledger_put_back_is_refused(house: Workspace) -> None:
    assert promote(house, 1, "staging").returncode == 0
    shutil.copyfile(house.home / "assay.db", house.home / "backup.db")
    assert promote(house, 1, "production", "--first").returncode == 0
    shutil.copyfile(house.home / "backup.db", house.home / "assay.db")
    for done in (
        promote(house, 1, "production", "--first"),
        assay_here(house, "archive", NAME, "3", "--reason", "old"),
        assay_here(house, "reconcile"),
        assay_here(house, "gc"),
    ):
        refused(done, "entry 5, which the tag ledger.head of MLflow's registered model names, is gone", "backup")
    assert int(mlflow_client(house).get_model_version_by_alias(NAME, "production").version) == 1, "nothing was changed"


def test_a_model_whose_files_vanished_is_not_promoted_and_can_be_replaced(house: Workspace) -> None:
    to_production(house, 1, "--first")
    for version in ("1", "3"):
        source = mlflow_client(house).get_model_version_download_uri(NAME, version)
        shutil.rmtree(Path(source.removeprefix("file://")) / "artifacts" / "model")
    refused(promote(house, 3, "staging"), "model.json is missing", "assay train")
    assert ledger(house).stage_of(NAME, 3) == "candidate"
    # The champion is judged by what answers: the model in its package.
    write_params(house.root, LENIENT | {"evaluate": LENIENT["evaluate"] | {"seed": 8}})
    to_production(house, 2)
    assert assay_here(house, "rollback", NAME).returncode == 0
    assert ledger(house).holder(NAME, "production") == 1


def lose(folder: Path) -> None:
    shutil.rmtree(folder)


def flip(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = bytearray((folder / "src" / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "src" / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    "damage", [lose, flip("model/weights.safetensors"), flip("model/golden.safetensors"), flip("model/package.json")]
)
def test_a_lost_or_damaged_package_is_refused_and_made_again(house: Workspace, damage: Callable[[Path], None]) -> None:
    to_production(house, 1, "--first")
    entry = ledger(house).current(NAME)[1]
    assert entry.package_tag is not None
    damage(package_folder(house, entry.package_tag))
    refused(assay_here(house, "serve", NAME), entry.package_tag)
    done = assay_here(house, "reconcile", "--json")
    (row,) = json.loads(done.stdout)
    assert row["repaired"], row
    assert entry.package_tag in row["what"]
    agrees(house)
    with served(house, entry.package_tag):
        assert ledger(house).current(NAME)[1] == entry


def test_a_registration_that_was_killed_becomes_a_candidate(house: Workspace) -> None:
    client = mlflow_client(house)
    source = client.get_model_version(NAME, "3")
    client.create_model_version(NAME, source.source, source.run_id, tags=dict(source.tags))
    client.create_model_version(NAME, source.source, source.run_id, tags={})
    done = assay_here(house, "reconcile", "--json")
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    assert {row["what"]: row["repaired"] for row in rows if "not in the ledger" in row["what"]} == {
        "version 4 is in MLflow and not in the ledger": True,
        "version 5 is in MLflow and not in the ledger": False,
    }
    assert ledger(house).stage_of(NAME, 4) == "candidate"
    refused(assay_here(house, "gc", NAME), "version 5 of galaxy-shape is not what the ledger says")


def test_cleaning_deletes_what_nothing_protects(house: Workspace) -> None:
    to_production(house, 1, "--first")
    to_production(house, 2)
    to_production(house, 3)
    done = assay_here(house, "gc", NAME, "--keep", "0", "--dry-run", "--json")
    (plan,) = json.loads(done.stdout)
    assert plan["protected"] == {"3": "production", "2": "rollback"}
    assert plan["versions"] == [1]
    assert not plan["deleted"]
    assert len(plan["folders"]) == 3  # its package, its network and its evaluation
    agrees(house)
    assert json.loads(assay_here(house, "gc", NAME, "--dry-run", "--json").stdout)[0]["versions"] == []  # the newest 3

    history = ledger(house).history(NAME)
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    assert [row["version"] for row in json.loads(assay_here(house, "models", "--json").stdout)] == [2, 3]
    assert not any(Path(folder).exists() for folder in plan["folders"])
    assert ledger(house).history(NAME) == history
    assert "does not have it any more" in assay_here(house, "trace", NAME, "1").stdout
    agrees(house)
    assert assay_here(house, "rollback", NAME).returncode == 0
    assert ledger(house).holder(NAME, "production") == 2


def test_somebody_is_told_of_stage_changes_and_refusals(house: Workspace, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    command = ["sh", "-c", f"cat >> {told} && echo >> {told}"]
    write_params(house.root, LENIENT | {"notify": {"command": command}})
    assert promote(house, 1, "staging").returncode == 0
    refused(promote(house, 1, "production"), "--first")
    deadline = time.monotonic() + 60
    while (not told.exists() or len(told.read_text().splitlines()) < 2) and time.monotonic() < deadline:
        time.sleep(0.2)
    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert [(event["event"], event["version"], event["stage"]) for event in events] == [
        ("promote", 1, "staging"),
        ("refused", 1, "production"),
    ]
    assert "--first" in events[1]["reason"]
    assert len({event["id"] for event in events}) == 2
