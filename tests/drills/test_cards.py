"""The card of a version says where it is, what the rules made of it and what it is for, as a page and as JSON."""

import json

import pytest

from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.problems import NAMES as PROBLEMS
from components.problems import find_problem
from components.registry.registry import Registry
from tests.drills.commands import assay_here, refused
from tests.drills.houses import NAME


@pytest.mark.house("succeeded")
def test_a_card_has_the_verdicts_of_the_ledger(house: Workspace) -> None:
    done = assay_here(house, "card", NAME, "3", "--out", "card")
    assert done.returncode == 0, done.stderr
    document = json.loads((house.root / "card" / "card.json").read_text(encoding="utf-8"))
    assert document == json.loads(assay_here(house, "card", NAME, "3", "--json").stdout) | {
        "version": document["version"]  # but for when it was written
    }
    assert document["schema"] == "assay.card/1"
    assert (document["version"]["number"], document["version"]["stage"]) == (3, "production")
    entry = next(entry for entry in reversed(open_ledger(house).history(NAME)) if entry.version == 3)
    verdict = document["verdicts"][0]
    assert (verdict["stage"], verdict["at"], verdict["by"]) == ("production", entry.at, entry.actor)
    known = {gate["metric"]: gate["value"] for gate in entry.evidence["gates"]}
    assert {gate["metric"]: gate["value"] for gate in verdict["gates"]} == known
    assert verdict["compared_with"] == 2
    assert verdict["cells"]
    assert document["lineage"]["weights_sha256"] == entry.weights_sha256
    assert document["hardware"]

    page = (house.root / "card" / "card.html").read_text(encoding="utf-8").replace("<wbr>", "")  # where names may break
    for words in (f"{NAME} version 3", "production since", verdict["gates"][0]["metric"], "Not for:", "Signed"):
        assert words in page


@pytest.mark.house("succeeded")
def test_mlflow_shows_the_card_of_the_last_stage_change(house: Workspace) -> None:
    folder = Registry(house).evaluation_folder(NAME, 3)
    assert json.loads((folder / "card.json").read_text(encoding="utf-8"))["version"]["stage"] == "production"
    assert "version 3" in (folder / "card.html").read_text(encoding="utf-8")


def test_who_was_never_evaluated_or_registered_has_none(house: Workspace) -> None:
    refused(assay_here(house, "card", NAME, "9"), "has no version 9")
    refused(assay_here(house, "card", "galaxy-shap", "1"), "unknown problem 'galaxy-shap'")


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_says_what_its_models_are_for_and_what_they_are_not(name: str) -> None:
    use = find_problem(name).use
    assert use.intended.endswith(".")
    assert len(use.out_of_scope) >= 2
