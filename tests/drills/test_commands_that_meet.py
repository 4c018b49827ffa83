"""Other commands while a version is on its way: it is archived, its data is replaced, MLflow is repaired beside it."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from tests.conftest import write_params
from tests.drills.commands import assay_here, refused, start
from tests.drills.houses import LENIENT, NAME, agrees, promote, promotion_of

pytestmark = pytest.mark.slow


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


@contextmanager
def measuring(house: Workspace, settings: Mapping[str, int]) -> Iterator["subprocess.Popen[str]"]:
    """Evaluate version 2 by other settings than it was by, and hold the command where it begins to measure."""
    write_params(house.root, LENIENT | {"evaluate": LENIENT["evaluate"] | settings})
    folder = house.evaluations(NAME)
    locks = set(folder.glob("*.lock"))
    command = start(house, "evaluate", NAME, "2")
    with held_when(lambda: set(folder.glob("*.lock")) - locks, command):
        yield command


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
def test_a_package_cleaned_away_while_it_is_being_proved_is_not_staged(house: Workspace) -> None:
    command = promoting(house, 2, "staging")
    with held_when(is_proving(house), command):
        done = assay_here(house, "gc", NAME)  # no stage has the package yet
        assert done.returncode == 0, done.stderr
    refused(ended(command), f"package {NAME}:v2-")
    assert open_ledger(house).holder(NAME, "staging") is None
    agrees(house)


@pytest.mark.house("promoted")
def test_data_replaced_while_a_model_is_measured_leaves_no_evidence(house: Workspace) -> None:
    folder = house.evaluations(NAME)
    evidence = set(folder.glob("*/evidence.json"))
    with measuring(house, {"seed": 8}) as command:
        other = house.home / "other"
        shutil.copytree(house.root, other, symlinks=True, ignore=shutil.ignore_patterns(".assay"))
        drawn = Workspace(root=other, home=other / ".assay")
        assert assay_here(drawn, "simulate", NAME, "--seed", "99").returncode == 0
        shutil.rmtree(house.dataset(NAME))
        drawn.dataset(NAME).rename(house.dataset(NAME))
    refused(ended(command), "was replaced while the model was measured on it")
    assert set(folder.glob("*/evidence.json")) == evidence


@pytest.mark.house("succeeded")
def test_reconcile_beside_a_promotion_finds_no_drift(house: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    promotion = promotion_of(house)
    mirror, commands = promotion.registry.mirror, []

    def slowly(*arguments: Any, **options: Any) -> Any:
        """The ledger says something that MLflow does not show yet: leave time enough to find that."""
        command = start(house, "reconcile", "--json")
        commands.append(command)
        process, lock = psutil.Process(command.pid), f"/{NAME}.lock"
        while command.poll() is None and not any(file.path.endswith(lock) for file in process.open_files()):
            time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            command.wait(3)
        return mirror(*arguments, **options)

    monkeypatch.setattr(promotion.registry, "mirror", slowly)
    package = promotion.package(2)
    promotion.enter(
        2, "production", action="promote", actor="ada", reason="a reason", expect=3, evidence={}, package=package
    )
    assert [ended(command).stdout.strip() for command in commands] == ["[]"]


@pytest.mark.house("promoted")
def test_a_command_that_is_interrupted_says_how_to_go_on(house: Workspace) -> None:
    with measuring(house, {"realisations": 3000}) as command:
        pass
    command.send_signal(signal.SIGINT)
    done = ended(command)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.splitlines()[-1] == "assay: interrupted: run the same command again to go on"
