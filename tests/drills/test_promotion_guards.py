"""What a stage change looks at once more at its end, and where it may be killed."""

import json
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import AssayError, IntegrityError, RefusedError
from components.core.workspace import Workspace
from components.evidence.evaluation import evaluate
from components.evidence.refusals import CannotBeEvaluatedError
from components.gates.overrides import Override
from components.gates.results import Verdict
from components.ledger.opening import open_ledger, whoami
from components.lifecycle import judging
from components.lifecycle.parts import quietly
from components.lifecycle.promotion import Promotion
from components.lifecycle.rollbacks import rollback
from components.packages.files import package_folder, verify_package
from components.registry.registry import Registry
from models.descriptions import read_description
from tests.conftest import HOUSE, write_params
from tests.drills.commands import assay_here, environment, refused
from tests.drills.houses import (
    LENIENT,
    NAME,
    agrees,
    evaluation_folder,
    overriding,
    promote,
    promotion_of,
    to_production,
)

pytestmark = [pytest.mark.slow, pytest.mark.ci]

FACTS: dict[str, Any] = {"action": "promote", "actor": "ada", "reason": "a reason"}


@pytest.mark.house("promoted")
def test_what_changed_since_the_proof_is_refused_at_the_last_step(house: Workspace) -> None:
    promotion = promotion_of(house)
    package = promotion.package(2)
    with pytest.raises(IntegrityError, match="is not the one that was proved"):
        promotion.enter(2, "staging", expect=None, evidence={"proof": {"digest": "0" * 64}}, package=package, **FACTS)
    shutil.rmtree(package.folder)
    with pytest.raises(AssayError, match="no package"):
        promotion.enter(2, "staging", expect=None, evidence={}, package=package, **FACTS)
    assert open_ledger(house).stage_of(NAME, 2) == "candidate"
    agrees(house)


@pytest.mark.house("succeeded")
def test_a_version_archived_while_it_is_proved_is_not_rolled_back_to(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    promotion, prove = promotion_of(house), Promotion.prove

    def archived_meanwhile(self: Promotion, *arguments: Any, **options: Any) -> Any:
        assert assay_here(house, "archive", NAME, "2", "--reason", "biased").returncode == 0
        return prove(self, *arguments, **options)

    monkeypatch.setattr(Promotion, "prove", archived_meanwhile)
    with pytest.raises(RefusedError, match=r"version 2 was moved meanwhile, to archived .*biased"):
        rollback(promotion, actor="ada", reason="it drifts")
    assert open_ledger(house).holder(NAME, "production") == 3


def test_a_clock_that_was_set_back_makes_no_override_last_longer(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SetBack(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "SetBack":
            return cls(2001, 1, 1, tzinfo=tz)

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    monkeypatch.setattr("components.ledger.ledger.datetime", SetBack)
    override = Override(by=whoami(), reason="a reason", until=yesterday)
    with pytest.raises(RefusedError, match=f"the override ends on {yesterday}, and 2001-04-01 is the latest day"):
        promotion_of(house).promote(1, "staging", actor="ada", reason="a reason", expect=None, override=override)


@pytest.mark.house("succeeded")
def test_who_mirrors_an_older_state_looks_again(house: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = promotion_of(house), promotion_of(house)
    mirror, first = slow.registry.mirror, iter([True])

    def overtaken(*arguments: Any, **options: Any) -> Any:
        if next(first, False):
            package = quick.package(1)
            quick.enter(1, "production", expect=2, evidence={}, package=package, **FACTS)
        return mirror(*arguments, **options)

    monkeypatch.setattr(slow.registry, "mirror", overtaken)
    slow.enter(2, "production", expect=3, evidence={}, package=slow.package(2), **FACTS)
    agrees(house)
    assert open_ledger(house).holder(NAME, "production") == 1


def test_another_models_evaluation_in_its_place_does_not_reach_the_package(house: Workspace) -> None:
    own, other = (evaluation_folder(house, version) for version in (2, 3))
    region = json.loads((own / "metrics.json").read_text())["tested_range"]
    assert json.loads((other / "metrics.json").read_text())["tested_range"] != region
    shutil.rmtree(own)
    shutil.copytree(other, own)
    assert promote(house, 2, "staging").returncode == 0
    entry = open_ledger(house).entry_in(NAME, "staging")
    assert entry is not None
    package = verify_package(house, str(entry.package_tag))
    assert json.loads((package.source / "model" / "tested_range.json").read_text()) == region


@pytest.mark.house("succeeded")
def test_an_override_can_be_ended_after_a_rollback_and_a_cleaning(house: Workspace) -> None:
    """Whom the version is compared with then is whom a rollback would bring back, which no cleaning takes."""
    assert assay_here(house, "rollback", NAME).returncode == 0
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    assert not list(package_folder(house, f"{NAME}:any").parent.glob("v3-*"))
    done = promote(house, 2, "production")
    assert done.returncode == 0, done.stderr
    agrees(house)


@pytest.mark.house("promoted")
def test_the_main_job_does_not_promote_what_was_archived_meanwhile(house: Workspace) -> None:
    def archived_meanwhile(part: str, stage: str, work: Any) -> Any:
        result = quietly(part, stage, work)
        if part == "stage" and result.to_stage == "staging":
            assert assay_here(house, "archive", NAME, "2", "--reason", "biased").returncode == 0
        return result

    with pytest.raises(RefusedError, match=r"version 2 was moved meanwhile, to archived .*biased"):
        promotion_of(house).advance(2, actor="ada", reason="every gate passed", tell=archived_meanwhile)
    assert open_ledger(house).holder(NAME, "production") == 1


KILLED = """
import os, signal, sys
import mlflow
from components.ledger.database import LedgerDatabase
left = [int(sys.argv[1])]
def counted(function):
    def die(*arguments, **keywords):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return function(*arguments, **keywords)
    return die
for name in ("set_registered_model_alias", "delete_registered_model_alias", "set_registered_model_tag",
             "set_model_version_tag", "delete_model_version_tag", "update_model_version"):
    setattr(mlflow.MlflowClient, name, counted(getattr(mlflow.MlflowClient, name)))
if sys.argv[1] == "-1":
    LedgerDatabase.append = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.argv[1:] = sys.argv[2:]
from flows import cli
cli.main()
"""


@pytest.mark.house("succeeded")
@pytest.mark.parametrize("writes", [-1, 0, 1, 4])
def test_a_rollback_killed_between_two_writes_is_done_once_when_it_is_run_again(house: Workspace, writes: int) -> None:
    """Before the ledger is written, after it, and between the writes to MLflow that follow."""
    command = [sys.executable, "-c", KILLED, str(writes), "rollback", NAME]
    settings = environment(house, PYTHONPATH=str(HOUSE))
    done = subprocess.run(command, cwd=house.root, env=settings, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert open_ledger(house).holder(NAME, "production") == (3 if writes == -1 else 2)
    again = assay_here(house, "rollback", NAME)
    assert again.returncode == 0, again.stderr
    agrees(house)
    entries = [entry for entry in open_ledger(house).history(NAME) if entry.action == "rollback"]
    assert [entry.version for entry in entries] == [2]
    refused(assay_here(house, "rollback", NAME), "already")


@pytest.mark.house("succeeded")
def test_a_damaged_package_of_an_archived_version_is_no_dead_end(house: Workspace) -> None:
    entry = open_ledger(house).current(NAME)[1]
    folder = package_folder(house, str(entry.package_tag))
    (folder / "src" / "models" / "networks" / "cnn.py").write_text("")
    to_production(house, 1)
    assert open_ledger(house).entry_in(NAME, "production").package_digest == entry.package_digest  # type: ignore[union-attr]
    agrees(house)


@pytest.mark.house("promoted")
def test_production_that_cannot_be_evaluated_any_more_is_a_gate_that_a_person_may_overrule(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model whose network has left the house must not keep every other one from production."""
    champion = Registry(house).tags(NAME)[1]["weights.sha256"]

    def gone(_workspace: Any, _problem: Any, model: Path, *rest: Any) -> Any:
        if read_description(model)["weights_sha256"] == champion:
            raise CannotBeEvaluatedError("the model cannot be evaluated any more: network = 'old'")
        return evaluate(_workspace, _problem, model, *rest)

    monkeypatch.setattr(judging, "evaluate", gone)
    relative = {"metric": "milliseconds.batch1", "max": 1e6, "max_over_production": 1e6}
    write_params(house.root, LENIENT | {"gates": LENIENT["gates"] | {"production": [relative]}})
    assert promote(house, 2, "staging").returncode == 0
    found = promotion_of(house).judge.gates(2, "production", champion=1)
    failed = {result.metric: result for result in found if result.verdict is Verdict.FAIL}
    assert set(failed) == {"milliseconds.batch1", "loss_over_production"}, "nothing is passed over"
    assert failed["milliseconds.batch1"].limits == "≤ 1e+06 × production's"
    line = "gate milliseconds.batch1 fail: production, version 1 cannot be evaluated: .* network = 'old'.*and 1 more"
    done = promote(house, 2, "production")
    assert done.returncode == 1
    assert re.search(line, done.stderr)
    done = promote(house, 2, "production", *overriding())
    assert done.returncode == 0, done.stderr
    assert open_ledger(house).holder(NAME, "production") == 2
    entry = open_ledger(house).current(NAME)[2]
    said = (entry.override or {})["overruled"]
    assert [line.split()[1] for line in said] == ["milliseconds.batch1", "loss_over_production"]
