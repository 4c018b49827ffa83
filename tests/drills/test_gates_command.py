"""`assay gates` says what a promotion would be told, and leaves everything as it was."""

import json

import pytest

from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from tests.conftest import write_params
from tests.drills.commands import assay_here, refused
from tests.drills.houses import LENIENT, NAME, agrees, to_production


@pytest.mark.house("promoted")
def test_the_verdicts_shown_are_those_of_the_promotion_that_follows(house: Workspace) -> None:
    before = open_ledger(house).history(NAME)
    said = json.loads(assay_here(house, "gates", NAME, "2", "--against", "production", "--json").stdout)
    assert (said["problem"], said["version"], said["stage"], said["against"]) == (NAME, 2, "candidate", 1)
    assert open_ledger(house).history(NAME) == before
    to_production(house, 2)
    told = open_ledger(house).history(NAME)[-2].evidence["gates"]
    of_package = [gate for gate in told if gate["metric"].startswith("package.")]
    assert said["gates"] == [gate for gate in told if gate not in of_package]
    agrees(house)


@pytest.mark.house("promoted")
def test_a_person_sees_every_rule_and_every_cell_of_the_comparison(house: Workspace) -> None:
    done = assay_here(house, "gates", NAME, "2", "--against", "1")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert f"{NAME} version 2 (candidate) by the rules for production" in done.stdout
    assert "compared with version 1: " in done.stdout
    for metric in {rule["metric"] for rule in LENIENT["gates"]["staging"]} - {"package.megabytes"}:
        (row,) = (line for line in lines if line and line[0] == metric)
        assert "pass" in row
    assert any(line[:3] == ["posterior.log_score", "all", str(LENIENT["gates"]["fresh_images"])] for line in lines)
    assert "those of the package are judged when it is built" in done.stdout

    alone = assay_here(house, "gates", NAME, "2")
    assert alone.returncode == 0, alone.stderr
    assert "compared with" not in alone.stdout


@pytest.mark.house("promoted")
def test_a_rule_that_does_not_pass_is_shown_first_and_ends_with_1(house: Workspace) -> None:
    gates = LENIENT["gates"]
    strict = {"metric": "posterior.crps_over_crb.test", "max": 1e-3}
    write_params(house.root, LENIENT | {"gates": gates | {"staging": [*gates["staging"], strict]}})
    done = assay_here(house, "gates", NAME, "2")
    refused(done, "version 2 to production: gate posterior.crps_over_crb.test fail: interval outside the limits")
    rows = [line.split() for line in done.stdout.splitlines()]
    first = next(row for row, line in enumerate(rows) if "rule" in line) + 2
    assert rows[first][0] == strict["metric"]
    assert rows[first][-5:] == ["fail:", "interval", "outside", "the", "limits"]
    assert json.loads(assay_here(house, "gates", NAME, "2", "--json").stdout)["gates"], "the document comes first"


def test_whom_to_compare_with_is_a_version_that_there_is(house: Workspace) -> None:
    refused(assay_here(house, "gates", NAME, "1", "--against", "1"), "cannot be compared with itself")
    refused(assay_here(house, "gates", NAME, "1", "--against", "production"), "has nothing there", status=2)
    refused(assay_here(house, "gates", NAME, "1", "--against", "best"), "must be production, or the number", status=2)
    refused(assay_here(house, "gates", NAME, "9"), "no version 9")
    refused(assay_here(house, "gates", NAME, "1", "--against", "9"), "9")
