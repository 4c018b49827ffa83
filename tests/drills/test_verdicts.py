"""What a verdict belongs to: weights, what was judged, and the rules of a commit; neither a number nor a folder."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from components.core.errors import AssayError, RefusedError
from components.core.source import Source
from components.core.workspace import Workspace
from components.evidence.evaluation import evaluate
from components.fields.dataset import Dataset
from components.ledger.opening import open_ledger
from components.lifecycle import delivery, judging
from components.lifecycle.registration import register
from components.lifecycle.retraining import due
from components.packages.files import verify_package
from components.packages.golden import read_golden
from components.problems import find_problem
from models.descriptions import DESCRIPTION, read_description
from tests.conftest import small_settings, write_params
from tests.drills.commands import assay_here, refused
from tests.drills.houses import LENIENT, NAME, agrees, mlflow_client, promote, promotion_of, to_production

pytestmark = [pytest.mark.slow, pytest.mark.ci]

STRICT = {"metric": "posterior.crps_over_crb.test", "max": 1e-3}


@pytest.mark.house("succeeded")
def test_weights_that_production_was_rolled_back_from_come_back_under_no_other_evidence(house: Workspace) -> None:
    assert assay_here(house, "rollback", NAME, "--reason", "it drifts").returncode == 0
    write_params(house.root, LENIENT | {"evaluate": LENIENT["evaluate"] | {"bootstrap": 120}})
    promotion = promotion_of(house)
    problem, settings, dataset = promotion.problem, small_settings(house.root), Dataset.open(house.dataset(NAME))
    model = promotion.registry.model_folder(NAME, 3)
    evidence = evaluate(house, problem, model, dataset, settings)
    assert evidence.digest != promotion.tags(3)["evidence.digest"]
    again = register(
        house, problem, settings, dataset, model_folder=model, evidence=evidence, data_md5="0" * 32, actor="cron"
    )
    assert again == 3, "the same network is the same version"
    with pytest.raises(RefusedError, match=r"version 3 was archived or rolled back from.* promote galaxy-shape 3"):
        promotion.advance(3, actor="cron", reason="nightly")
    assert open_ledger(house).holder(NAME, "production") == 2


@pytest.mark.house("promoted")
def test_a_description_that_was_changed_with_its_tag_in_mlflow_is_refused(house: Workspace) -> None:
    from components.core.digests import file_sha256

    description = promotion_of(house).registry.model_folder(NAME, 2) / DESCRIPTION
    changed = json.loads(description.read_text())
    changed["forged"] = True
    description.write_text(json.dumps(changed))
    mlflow_client(house).set_model_version_tag(NAME, "2", "description.sha256", file_sha256(description))
    refused(promote(house, 2, "staging"), "model.json is not what was registered")


@pytest.mark.house("promoted")
def test_what_is_judged_is_what_ships_and_the_evidence_goes_with_the_version(house: Workspace) -> None:
    assert promote(house, 2, "staging").returncode == 0
    staged = open_ledger(house).current(NAME)[2]
    assert promote(house, 2, "production").returncode == 0
    assert open_ledger(house).current(NAME)[2].package_digest == staged.package_digest  # nothing else is judged
    assert promote(house, 3, "staging").returncode == 0
    other = {"package": {"golden_inputs": 4}, "evaluate": LENIENT["evaluate"] | {"bootstrap": 140}}
    write_params(house.root, LENIENT | other)
    assert promote(house, 3, "production").returncode == 0
    before, after = (entry for entry in open_ledger(house).history(NAME) if entry.version == 3 and entry.package_tag)
    assert after.package_tag != before.package_tag
    package = verify_package(house, str(after.package_tag), digest=after.package_digest)
    assert len(read_golden(package.source / "model" / "golden.safetensors").doubts) == 4
    judged = {gate["evidence"] for gate in after.evidence["gates"]}
    kept = [file.path for file in mlflow_client(house).list_artifacts(run_of(house, 3), "evidence")]
    # The comparison's digest is of losses that nobody keeps; what the rules judged is the evaluation.
    assert [digest for digest in judged if f"evidence/{digest[:16]}" in kept] == [
        after.evidence["gates"][0]["evidence"]
    ]
    promotion = promotion_of(house)
    region = promotion.judge.evidence(3).tested_range
    assert json.loads((package.model / "tested_range.json").read_text()) == region
    agrees(house)


def run_of(house: Workspace, version: int) -> str:
    return str(mlflow_client(house).get_model_version(NAME, str(version)).run_id)


def test_a_gate_refuses_what_no_commit_holds_and_the_entry_says_what_decided(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert promote(house, 1, "staging").returncode == 0
    entry = open_ledger(house).current(NAME)[1]
    assert entry.decided_with is not None
    assert set(entry.decided_with) == {"commit", "dirty", "rules"}
    assert entry.decided_with["dirty"] is True  # the code of this house is a link
    write_params(house.root, LENIENT | {"gates": LENIENT["gates"] | {"committed": True}})
    refused(promote(house, 2, "staging"), "gate source fail: the working tree has changes that no commit holds")
    monkeypatch.setattr(judging, "read_source", lambda _: Source(commit="1" * 40, dirty=False))

    def trained_in_a_dirty_tree(folder: Path) -> dict[str, object]:
        description = read_description(folder)
        return {**description, "git": {**description["git"], "dirty": True}}

    monkeypatch.setattr(judging, "read_description", trained_in_a_dirty_tree)
    refused(promote(house, 2, "staging"), "trained in a working tree that no commit holds: `assay run galaxy-shape`")
    # Version 1 was trained with today's settings, so that today's commit makes it again.
    assert promote(house, 1, "staging").returncode == 0


def test_a_refusal_is_told_of_once_and_what_was_refused_is_no_reason_to_train_again(house: Workspace) -> None:
    told = house.root / "told"
    gates = LENIENT["gates"] | {"staging": [STRICT]}
    write_params(house.root, LENIENT | {"notify": {"command": ["tee", "-a", str(told)]}, "gates": gates})
    for _ in range(2):
        refused(promote(house, 1, "staging"), "gate posterior.crps_over_crb.test fail")
    delivery.deliver(house.home / "outbox")
    assert told.read_text().count('"event": "refused"') == 1
    problem, settings = find_problem(NAME), small_settings(house.root)
    promotion_of(house)
    found = due(house, problem, settings)
    assert found.reasons == ()
    assert "version 1, made of the same, was refused: galaxy-shape version 1 to staging: gate" in found.why_not
    nothing = ("nothing is in production",)
    relaxed = replace(settings, gates=replace(settings.gates, fresh_images=settings.gates.fresh_images + 1))
    assert due(house, problem, relaxed).reasons == nothing  # other rules judge anew
    other = replace(settings, evaluate=replace(settings.evaluate, bootstrap=settings.evaluate.bootstrap + 1))
    assert due(house, problem, other).reasons == nothing  # and so does another evaluation
    mlflow_client(house).delete_model_version(NAME, "1")
    assert due(house, problem, settings).reasons == nothing


def test_what_may_pass_is_told_of_once_a_commit_and_tried_again(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = house.root / "told"
    notified = LENIENT | {"notify": {"command": ["tee", "-a", str(told)]}}

    def count() -> int:
        delivery.deliver(house.home / "outbox")
        return told.read_text().count('"event": "refused"')

    write_params(house.root, notified | {"gates": LENIENT["gates"] | {"committed": True}})
    with monkeypatch.context() as patch:
        patch.setattr(judging, "read_source", lambda _: Source(commit="1" * 40, dirty=True))
        for _ in range(2):
            refused(promote(house, 1, "staging"), "the working tree has changes that no commit holds")
    assert count() == 1
    assert due(house, find_problem(NAME), small_settings(house.root)).reasons == ("nothing is in production",)
    write_params(house.root, notified)

    def other_answers(*_: object, **__: object) -> None:
        raise RefusedError("it answers otherwise")

    with monkeypatch.context() as patch:
        patch.setattr("components.lifecycle.stages.prove_package", other_answers)
        for _ in range(2):
            refused(promote(house, 1, "staging"), "it answers otherwise")
    assert count() == 2
    assert due(house, find_problem(NAME), small_settings(house.root)).reasons == ("nothing is in production",)
    assert promote(house, 1, "staging").returncode == 0


def test_what_somebody_took_away_is_not_made_again_every_night(house: Workspace) -> None:
    settings = small_settings(house.root)
    promotion_of(house)
    assert assay_here(house, "archive", NAME, "1", "--reason", "it drifts").returncode == 0
    found = due(house, find_problem(NAME), settings)
    assert found.reasons == ()
    assert found.why_not == "version 1, made of the same, was archived or rolled back from"


@pytest.mark.house("promoted")
def test_a_promotion_that_mlflow_could_not_be_told_of_stands_and_is_told_of_as_what_it_is(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = house.root / "told"
    write_params(house.root, LENIENT | {"notify": {"command": ["tee", "-a", str(told)]}})
    from components.registry.registry import Registry

    def away(*_: object, **__: object) -> None:
        raise AssayError("MLflow does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "mirror", away)
        done = promote(house, 2, "staging")
    assert done.returncode == 0, done.stderr
    assert "MLflow does not show it yet (MLflow does not answer): type `assay reconcile`" in done.stderr
    delivery.deliver(house.home / "outbox")
    assert ('"event": "promote"' in told.read_text(), '"event": "refused"' in told.read_text()) == (True, False)
    assert assay_here(house, "reconcile").returncode == 0
    agrees(house)


def test_a_version_whose_files_were_deleted_goes_nowhere_any_more(house: Workspace) -> None:
    to_production(house, 3, "--first")
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    assert [(entry.version, entry.action) for entry in open_ledger(house).history(NAME)][-1] == (1, "gc")
    refused(promote(house, 1, "staging"), "version 1 were deleted by gc")
    agrees(house)


def test_gc_deletes_nothing_that_was_moved_since_it_was_planned(house: Workspace) -> None:
    from components.lifecycle.cleaning import clean, plan_cleaning

    to_production(house, 3, "--first")
    promotion = promotion_of(house)
    plan = plan_cleaning(house, promotion.problem, promotion.settings, keep=0)
    assert set(plan.versions) == {1}  # 2 is the candidate
    assert promote(house, 1, "staging").returncode == 0
    with pytest.raises(RefusedError, match="version 1 was moved meanwhile, to staging"):
        clean(house, promotion.problem, promotion.settings, plan)
    shutil.rmtree(house.root / "data", ignore_errors=True)
    agrees(house)
    assert promotion.registry.tags(NAME).keys() == {1, 2, 3}
