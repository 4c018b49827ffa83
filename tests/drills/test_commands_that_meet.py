"""Other commands while a version is on its way: it is archived, its data is replaced, MLflow is repaired beside it."""

import multiprocessing
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from components.ledger import open_ledger
from components.reconcile import reconcile
from components.workspace import Workspace
from tests.conftest import write_params
from tests.drills.commands import assay_here, refused, start
from tests.drills.houses import LENIENT, NAME, agrees, mlflow_client, promote, promotion_of

CHANGES = 20


@contextmanager
def held_when(happens: Callable[[], object], command: "subprocess.Popen[str]") -> Iterator[None]:
    """Wait for something that the command does, and let it stand still while the block runs."""
    try:
        deadline = time.monotonic() + 120
        while not happens():
            assert command.poll() is None, command.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        command.send_signal(signal.SIGSTOP)
        yield
    finally:
        command.send_signal(signal.SIGCONT)


def ended(command: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    out, err = command.communicate(timeout=300)
    return subprocess.CompletedProcess(command.args, command.returncode, out, err)


def promoting(house: Workspace, version: int, stage: str) -> "subprocess.Popen[str]":
    return start(house, "promote", NAME, str(version), "--to", stage, "--reason", "a reason")


def is_proving(house: Workspace) -> Callable[[], object]:
    return lambda: list((house.home / "serving").glob("*/bentoml"))


@pytest.mark.house("promoted")
def test_a_version_archived_while_it_is_being_proved_stays_archived(house: Workspace) -> None:
    assert promote(house, 2, "staging").returncode == 0
    command = promoting(house, 2, "production")
    with held_when(is_proving(house), command):
        done = assay_here(house, "archive", NAME, "2", "--reason", "a bad idea")
        assert done.returncode == 0, done.stderr
    refused(ended(command), "version 2 was moved meanwhile, to archived", "a bad idea")
    ledger = open_ledger(house)
    assert (ledger.holder(NAME, "production"), ledger.stage_of(NAME, 2)) == (1, "archived")
    agrees(house)


@pytest.mark.house("promoted")
def test_a_version_cleaned_away_while_it_is_being_proved_is_not_staged(house: Workspace) -> None:
    assert assay_here(house, "archive", NAME, "2", "--reason", "for gc").returncode == 0
    command = promoting(house, 2, "staging")
    with held_when(is_proving(house), command):
        done = assay_here(house, "gc", NAME, "--keep", "0")
        assert done.returncode == 0, done.stderr
    assert ended(command).returncode == 1
    assert open_ledger(house).holder(NAME, "staging") is None
    agrees(house)


@pytest.mark.house("promoted")
def test_data_replaced_while_a_model_is_measured_leaves_no_evidence(house: Workspace) -> None:
    write_params(house.root, LENIENT | {"evaluate": LENIENT["evaluate"] | {"seed": 8}})
    folder = house.evaluations(NAME)
    locks = set(folder.glob("*.lock"))
    command = start(house, "evaluate", NAME, "2")
    with held_when(lambda: set(folder.glob("*.lock")) - locks, command):
        evidence = set(folder.glob("*/evidence.json"))
        other = house.home / "other"
        shutil.copytree(house.root, other, ignore=shutil.ignore_patterns(".assay"))
        drawn = Workspace(root=other, home=other / ".assay")
        assert assay_here(drawn, "simulate", NAME, "--seed", "99").returncode == 0
        shutil.rmtree(house.dataset(NAME))
        drawn.dataset(NAME).rename(house.dataset(NAME))
    refused(ended(command), "was replaced while the model was measured on it")
    assert set(folder.glob("*/evidence.json")) == evidence


def repair_again_and_again(root: str, stop: Event, rounds: Any) -> None:
    house = Workspace(root=Path(root), home=Path(root) / ".assay")
    promotion = promotion_of(house)
    while not stop.is_set():
        reconcile(house, promotion.problem, promotion.settings)
        rounds.value += 1


@pytest.mark.house("succeeded")
@pytest.mark.timeout(600)
def test_repairs_beside_promotions_never_put_mlflow_back(house: Workspace) -> None:
    promotion, client = promotion_of(house), mlflow_client(house)
    context = multiprocessing.get_context("spawn")
    stop, rounds = context.Event(), context.Value("i", 0)
    repairing = context.Process(target=repair_again_and_again, args=(str(house.root), stop, rounds))
    repairing.start()
    try:
        while not rounds.value:
            assert repairing.is_alive()
            time.sleep(0.01)
        for number in range(CHANGES):
            before = promotion.ledger.holder(NAME, "production")
            after = 1 + number % 2
            promotion.enter(
                after,
                "production",
                action="promote",
                actor="ada",
                reason=f"change {number}",
                expect=before,
                evidence={},
                package=promotion.package(after),
            )
            assert int(client.get_model_version_by_alias(NAME, "production").version) == after
            assert client.get_model_version(NAME, str(before)).tags["stage"] == "archived"
    finally:
        stop.set()
        repairing.join(60)
    assert repairing.exitcode == 0
    assert rounds.value > 3
    agrees(house)
