"""Stage changes with real models: promotion, overrides, rollback, archiving, cleaning up, and who is told."""

import json
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import RefusedError
from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.lifecycle.anchor import best_ever
from components.lifecycle.promotion import Promotion
from components.packages import answering, building
from components.packages.files import package_folder, verify_package
from components.simulators.sersic import PARAMETERS
from tests.conftest import HOUSE, SMALL, write_params
from tests.drills.commands import assay_here, refused
from tests.drills.houses import (
    ANY,
    LENIENT,
    NAME,
    agrees,
    mlflow_client,
    overriding,
    promote,
    to_production,
    verdicts_shown,
)


def gates(*rules: dict[str, Any]) -> dict[str, Any]:
    """The settings with other rules for staging, which Ada may overrule."""
    return LENIENT | {"gates": LENIENT["gates"] | {"staging": list(rules), "may_override": ["Ada Lovelace"]}}


def test_a_version_goes_to_production_and_the_ledger_says_on_what_evidence(house: Workspace) -> None:
    refused(promote(house, 1, "production"), "version 1 is candidate: promote it to staging first")
    for stage in ("staging", "production"):
        refused(promote(house, 9, stage), "'galaxy-shape' has no version 9", "type `assay models`")
    refused(promote(house, 1, "prod"), "--to prod: must be staging or production", status=2)
    done = promote(house, 1, "staging")
    assert done.returncode == 0
    steps = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("✓")]
    assert steps == ["gate", "package", "prove", "stage"]
    refused(promote(house, 1, "production"), "nothing in production that version 1 could be compared with: say --first")
    assert promote(house, 1, "production", "--first").returncode == 0
    entry = open_ledger(house).history(NAME)[-1]
    assert (entry.action, entry.previous_version, entry.override) == ("promote", None, None)
    assert entry.evidence["proof"]["digest"] == entry.package_digest
    (score, *_) = entry.evidence["gates"]
    assert score["metric"] == "posterior.crps_over_crb.test"
    assert score["low"] <= score["value"] <= score["high"]
    assert (score["limits"], score["verdict"], len(score["evidence"])) == ("≤ 1000", "pass", 64)

    to_production(house, 2)
    entry = open_ledger(house).history(NAME)[-2]
    compared = next(gate for gate in entry.evidence["gates"] if gate["metric"].startswith("loss_over_production."))
    compared = compared["details"]
    scored = {f"{of}.{name}" for of in ("posterior.crps", "likelihood.absolute") for name in PARAMETERS}
    assert {cell["loss"] for cell in compared["cells"]} == {"posterior.log_score", *scored}
    count = LENIENT["gates"]["fresh_images"]
    assert (compared["version"], compared["images"]["count"]) == (1, count)
    assert {cell["images"] for cell in compared["cells"] if cell["slice"] == "all"} == {count}
    assert entry.previous_version == 1
    refused(
        promote(house, 3, "staging", "--expect", "2"), "staging of galaxy-shape is empty and version 2 was expected"
    )
    refused(promote(house, 3, "production", "--first"), "version 3 is candidate")
    agrees(house)
    shown = mlflow_client(house).get_model_version(NAME, "2")
    assert shown.tags["stage"] == "production"
    assert "production since" in shown.description
    assert f"#/runs/{shown.run_id}" in shown.description
    title, *table = verdicts_shown(house, 2, "production")
    assert re.fullmatch(r"# galaxy-shape version 2 to production: (\d+) of \1 rules pass", title)
    told = {gate["metric"] for gate in entry.evidence["gates"]}
    assert {line.split(" | ")[0].removeprefix("| ") for line in table if "| pass |" in line} == told
    assert f"## compared with version 1: {compared['standing']}" in table


def test_gates_refuse_and_an_override_is_shown_wherever_the_version_appears(house: Workspace) -> None:
    write_params(
        house.root, gates({"metric": "posterior.crps_over_crb.test", "max": 1e-3}, {"metric": "no.such", "min": 0})
    )
    refused(
        promote(house, 1, "staging"),
        "gate posterior.crps_over_crb.test fail: interval outside the limits",
        "(and 1 more)",
    )
    assert open_ledger(house).stage_of(NAME, 1) == "candidate"
    title, _, _, _, first, second = verdicts_shown(house, 1, "staging")
    assert title == "# galaxy-shape version 1 to staging: 0 of 2 rules pass"
    assert "| ≤ 0.001 | fail: interval outside the limits |" in first
    assert second == "| no.such | – | – | ≥ 0 | fail: the evaluation has no such metric |"
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
    override = open_ledger(house).current(NAME)[1].override
    assert override is not None
    assert override["overruled"][0].startswith("gate posterior.crps_over_crb.test fail")
    (row,) = [row for row in json.loads(assay_here(house, "models", "--json").stdout) if row["version"] == 1]
    assert row["override"] == said
    for command in (("models",), ("history", NAME), ("trace", NAME, "1")):
        shown = assay_here(house, *command).stdout
        assert "OVERRIDE" in shown, shown
        assert "Ada Lovelace" in shown, shown
    assert mlflow_client(house).get_model_version(NAME, "1").tags["override"] == said
    agrees(house)
    image = house.root / "galaxy.npy"
    np.save(image, np.load(house.dataset(NAME) / "stamp-train-00000.npy")[0])
    given = ("--set", "sigma=200", "--set", "psf_fwhm=0.7", "--stage", "staging", "--json")
    answer = json.loads(assay_here(house, "predict", NAME, str(image), *given).stdout)
    assert answer["model"]["override"] == said

    write_params(house.root, gates(*LENIENT["gates"]["staging"]))
    assert promote(house, 2, "staging", *by_hand, str(today)).returncode == 0
    assert open_ledger(house).current(NAME)[2].override is None, "nothing had to be overruled"


@pytest.mark.house("succeeded")
def test_rollback_goes_to_the_last_good_version(house: Workspace) -> None:
    assert assay_here(house, "rollback", NAME, "--reason", "it drifts").returncode == 0
    assert open_ledger(house).holder(NAME, "production") == 2
    # Two people in a hurry do not go back two versions.
    refused(assay_here(house, "rollback", NAME), "rolled back to version 2", "already", "--expect 2")
    done = assay_here(house, "rollback", NAME, "--reason", "it drifts", "--expect", "2")
    assert done.returncode == 0, done.stderr
    assert open_ledger(house).holder(NAME, "production") == 1  # not 3, which was rolled back from
    entry = open_ledger(house).history(NAME)[-2]
    assert (entry.action, entry.reason, entry.evidence["rolled_back_from"]) == ("rollback", "it drifts", 2)
    refused(assay_here(house, "rollback", NAME, "--expect", "1"), "has no earlier good version")
    agrees(house)


@pytest.mark.slow
@pytest.mark.house("promoted")
def test_an_override_stays_until_the_gates_pass(house: Workspace) -> None:
    """Against whom the version replaced: being in production already is no reason to pass."""
    assert promote(house, 2, "staging").returncode == 0
    # With margins that no two networks keep, but equal ones.
    strict = ANY | {"margin": 0, "slice_margin": 0, "nats_margin": 0, "nats_slice_margin": 0}
    write_params(house.root, SMALL | {"gates": SMALL["gates"] | {"over_production": strict, "over_best": ANY}})
    refused(promote(house, 2, "production"), "gate loss_over_production")
    assert promote(house, 2, "production", *overriding(9)).returncode == 0
    refused(promote(house, 2, "production"), "gate loss_over_production")
    refused(promote(house, 2, "production", *overriding(10), "--expect", "1"), "held by version 2")
    renewed = overriding(10)
    assert promote(house, 2, "production", *renewed).returncode == 0
    entry = open_ledger(house).current(NAME)[2]
    assert entry.override is not None
    assert entry.override["until"] == renewed[-1]
    assert "loss_over_production" in entry.override["overruled"][0]

    assert promote(house, 3, "staging").returncode == 0
    assert promote(house, 3, "production", *overriding()).returncode == 0
    assert assay_here(house, "archive", NAME, "1", "--reason", "never again").returncode == 0
    assert assay_here(house, "rollback", NAME).returncode == 0
    rolled = open_ledger(house).entry_in(NAME, "production")
    assert rolled is not None
    assert (rolled.version, rolled.override) == (2, entry.override)
    # Nobody goes back to what was archived by somebody; it is what the version is held against nevertheless.
    refused(assay_here(house, "rollback", NAME, "--expect", "2"), "no earlier good version")
    refused(promote(house, 2, "production", "--first"), "version 3 was in production: leave out --first")
    refused(promote(house, 2, "production"), "gate loss_over_production")
    write_params(house.root, LENIENT)
    assert promote(house, 2, "production").returncode == 0
    (compared,) = [gate["details"] for gate in open_ledger(house).current(NAME)[2].evidence["gates"] if gate["details"]]
    assert compared["version"] == 1, "not 3, which was rolled back from"
    assert open_ledger(house).current(NAME)[2].override is None
    agrees(house)


def test_a_package_of_other_code_than_is_judged_does_not_ship(
    house: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "older"
    for folder in ("services", "models"):
        shutil.copytree(HOUSE / folder, older / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (older / "models" / "estimators" / "numbers" / "scales.py").open("a") as file:
        file.write("\nSHARPER = True\n")

    def source_of(stage: str) -> str:
        entry = open_ledger(house).entry_in(NAME, stage)
        assert entry is not None
        package = verify_package(house, str(entry.package_tag), digest=entry.package_digest)
        return (package.source / "models" / "estimators" / "numbers" / "scales.py").read_text()

    with monkeypatch.context() as patch:
        for module in (building, answering):
            patch.setattr(module, "HOUSE", older)
        assert promote(house, 2, "staging").returncode == 0
    assert "SHARPER" in source_of("staging")
    assert promote(house, 2, "production", "--first").returncode == 0
    assert "SHARPER" not in source_of("production"), "it was judged by today's code"
    agrees(house)

    with monkeypatch.context() as patch:
        for module in (building, answering):
            patch.setattr(module, "HOUSE", older)
        patch.setattr(Promotion, "prove", lambda *_, **__: (_ for _ in ()).throw(RefusedError("cut short")))
        refused(promote(house, 3, "staging"), "cut short")
    left = (
        next(package_folder(house, f"{NAME}:any").parent.glob("v3-*"))
        / "src"
        / "models"
        / "estimators"
        / "numbers"
        / "scales.py"
    )
    assert "SHARPER" in left.read_text()
    to_production(house, 3)  # nobody had promoted what was left there: it is built anew
    assert "SHARPER" not in source_of("production")
    agrees(house)


@pytest.mark.house("promoted")
def test_neither_archive_nor_rollback_empties_production(house: Workspace) -> None:
    refused(assay_here(house, "rollback", NAME), "has no earlier good version")
    refused(assay_here(house, "archive", NAME, "1", "--reason", "old"), "version 1 is in production", "assay rollback")
    done = assay_here(house, "archive", NAME, "2", "--reason", "old")
    assert (done.returncode, done.stdout) == (0, f"{NAME} version 2 is archived\n")
    assert open_ledger(house).stage_of(NAME, 2) == "archived"
    history = open_ledger(house).history(NAME)
    assert assay_here(house, "archive", NAME, "2", "--reason", "again").returncode == 0
    assert open_ledger(house).history(NAME) == history, "nothing is done twice"
    refused(assay_here(house, "archive", NAME, "9", "--reason", "old"), "version 9 is not registered")
    agrees(house)


@pytest.mark.house("succeeded")
def test_cleaning_deletes_what_nothing_protects(house: Workspace) -> None:
    def planned() -> dict[str, Any]:
        (plan,) = json.loads(assay_here(house, "gc", NAME, "--keep", "0", "--dry-run", "--json").stdout)
        return dict(plan)

    held = {"3": "production", "2": "rollback"}
    best = best_ever(open_ledger(house).history(NAME))
    assert planned()["protected"] == {str(best): "best in production so far"} | held
    assert assay_here(house, "archive", NAME, "1", "--reason", "its time is over").returncode == 0
    plan = planned()
    assert plan["protected"] == held
    assert plan["versions"] == [1]
    assert not plan["deleted"]
    assert len(plan["folders"]) == 3  # its package, its network and its evaluation
    agrees(house)
    assert json.loads(assay_here(house, "gc", NAME, "--dry-run", "--json").stdout)[0]["versions"] == []  # the newest 3

    history = open_ledger(house).history(NAME)
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    assert [row["version"] for row in json.loads(assay_here(house, "models", "--json").stdout)] == [2, 3]
    assert not any(Path(folder).exists() for folder in plan["folders"])
    *before, said = open_ledger(house).history(NAME)
    assert (before, said.version, said.action) == (history, 1, "gc")  # the ledger keeps all, and says what is gone
    assert "does not have it any more" in assay_here(house, "trace", NAME, "1").stdout
    agrees(house)
    assert assay_here(house, "rollback", NAME).returncode == 0
    assert open_ledger(house).holder(NAME, "production") == 2


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
