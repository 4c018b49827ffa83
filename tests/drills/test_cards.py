"""The card of a version says where it is, what the rules made of it and what it is for, as a page and as JSON."""

import json

import pytest

from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.problems import NAMES as PROBLEMS
from components.problems import find_problem
from tests.drills.commands import assay_here, refused
from tests.drills.houses import NAME, evaluation_folder


@pytest.mark.house("succeeded")
def test_a_card_has_the_verdicts_of_the_ledger(house: Workspace) -> None:
    done = assay_here(house, "card", NAME, "3", "--out", "card")
    assert done.returncode == 0, done.stderr
    document = json.loads((house.root / "card" / "card.json").read_text(encoding="utf-8"))
    assert document == json.loads(assay_here(house, "card", NAME, "3", "--json").stdout) | {
        "version": document["version"]  # but for when it was written
    }
    assert document["schema"] == "assay.card/2"
    assert (document["version"]["number"], document["version"]["stage"]) == (3, "production")
    entry = next(entry for entry in reversed(open_ledger(house).history(NAME)) if entry.version == 3)
    verdict = document["verdicts"][0]
    assert (verdict["stage"], verdict["at"], verdict["by"]) == ("production", entry.at, entry.actor)
    known = {gate["metric"]: gate["value"] for gate in entry.evidence["gates"]}
    assert {gate["metric"]: gate["value"] for gate in verdict["gates"]} == known
    (compared,) = verdict["comparisons"]
    assert compared["version"] == 2
    assert compared["cells"]
    assert document["lineage"]["weights_sha256"] == entry.weights_sha256
    assert document["hardware"]

    page = (house.root / "card" / "card.html").read_text(encoding="utf-8").replace("<wbr>", "")  # where names may break
    for words in (f"{NAME} version 3", "production since", verdict["gates"][0]["metric"], "Not for:", "Signed"):
        assert words in page


@pytest.mark.house("succeeded")
def test_mlflow_shows_the_cards_of_the_last_stage_change(house: Workspace) -> None:
    for version, stage in ((3, "production"), (2, "archived")):
        folder = evaluation_folder(house, version)
        assert json.loads((folder / "card.json").read_text(encoding="utf-8"))["version"]["stage"] == stage
        assert f"version {version}" in (folder / "card.html").read_text(encoding="utf-8")


@pytest.mark.house("succeeded")
def test_a_card_that_a_killed_command_left_is_renewed_by_reconcile(house: Workspace) -> None:
    card = evaluation_folder(house, 3) / "card.json"
    left = json.loads(card.read_text(encoding="utf-8"))
    left["version"]["stage"] = "staging"
    card.write_text(json.dumps(left), encoding="utf-8")
    done = assay_here(house, "reconcile", NAME)
    assert done.returncode == 0, done.stderr
    assert "MLflow showed an older card of version 3" in done.stdout
    assert json.loads(card.read_text(encoding="utf-8"))["version"]["stage"] == "production"
    assert "older card" not in assay_here(house, "reconcile", NAME).stdout


@pytest.mark.house("succeeded")
def test_cards_of_other_days_and_damaged_ones_are_named_and_keep_nothing_from_changing(house: Workspace) -> None:
    folder = evaluation_folder(house, 3)
    whole = (folder / "card.json").read_text(encoding="utf-8")
    refused(assay_here(house, "card", NAME, "9"), "has no version 9")
    refused(assay_here(house, "card", "galaxy-shap", "1"), "unknown problem 'galaxy-shap'")
    for text, said in (
        (
            whole.replace("assay.card/2", "assay.card/0"),
            "has the schema assay.card/0, and this clone knows assay.card/2",
        ),
        (whole[:100], "card.json is not what was written: restore MLflow's files from a backup"),
    ):
        (folder / "card.json").write_text(text, encoding="utf-8")
        refused(assay_here(house, "card", NAME, "3"), said)
    (folder / "card.json").unlink()
    refused(assay_here(house, "card", NAME, "3"), "card.json is missing, since it is from before cards had one")
    (folder / "card.json").write_text(whole[:100], encoding="utf-8")
    done = assay_here(house, "rollback", NAME, "--reason", "a drill")
    assert done.returncode == 0, done.stderr
    assert open_ledger(house).entry_in(NAME, "production").version == 2  # type: ignore[union-attr]
    assert "MLflow does not show it yet" in done.stdout + done.stderr


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_says_what_its_models_are_for_and_what_they_are_not(name: str) -> None:
    use = find_problem(name).use
    assert use.intended.endswith(".")
    assert len(use.out_of_scope) >= 2
