"""A search over several processes that are killed, and whose database or scheduler is started again."""

import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from components.core import Workspace, free_port, running
from components.core.settings import ProblemSettings
from components.fields.problem import Problem
from components.training.searches.records import PLACE
from components.training.searches.storage import create_storage
from components.training.searches.study import run_study
from components.training.searches.trial import TrialTask
from tests.dask_workers import dask_scheduler, dask_worker
from tests.drills.search_objectives import VARIABLE, bowl

TRIALS = 40


@pytest.fixture
def task(
    workspace: Workspace, problem: Problem, settings: ProblemSettings, monkeypatch: pytest.MonkeyPatch
) -> TrialTask:
    monkeypatch.setenv(VARIABLE, "0.3")
    search = replace(settings.search, trials=TRIALS, workers=4)
    four = replace(settings, search=search)
    return TrialTask(
        workspace=workspace, problem=problem, data=workspace.root, settings=four, study="bowl", objective=bowl
    )


def listed(task: TrialTask) -> optuna.Study:
    """A study whose trials are given: the best of them is known."""
    study = optuna.create_study(study_name=task.study, storage=create_storage(task.workspace))
    for place in range(task.settings.search.trials):
        study.enqueue_trial({"learning_rate": (place * 7 % TRIALS) / TRIALS}, user_attrs={PLACE: place})
    return study


def assert_each_ended_once(study: optuna.Study, trials: int) -> None:
    """Every one complete or pruned, once; what failed was run again, and nothing is left running."""
    found = study.get_trials()
    assert {trial.state for trial in found} <= {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    whole = [trial.user_attrs[PLACE] for trial in found if trial.state != TrialState.FAIL]
    assert sorted(whole) == list(range(trials))
    assert study.best_params["learning_rate"] == pytest.approx(0.3)


@contextmanager
def meanwhile(work: Callable[[], None], every_s: float) -> Iterator[None]:
    """Do something again and again until the block ends."""
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(every_s):
            work()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.slow
def test_workers_that_are_killed_every_few_seconds_lose_nothing(task: TrialTask) -> None:
    study, killed, chance = listed(task), list[int](), random.Random(1)

    def kill_one() -> None:
        at_work = [trial.user_attrs.get("ran in") for trial in study.get_trials(states=(TrialState.RUNNING,))]
        alive = [process for process in at_work if process and psutil.pid_exists(process)]
        if alive:
            killed.append(chance.choice(alive))
            os.kill(killed[-1], signal.SIGKILL)

    with meanwhile(kill_one, every_s=3):
        run_study(study, task)
    assert len(killed) >= 3
    assert_each_ended_once(study, TRIALS)
    failed = [trial for trial in study.get_trials() if trial.state == TrialState.FAIL]
    assert 1 <= len(failed) <= len(killed)


@pytest.mark.slow
def test_a_database_that_is_started_again_ends_no_search(task: TrialTask, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _PostgreSQL()
    monkeypatch.setenv("ASSAY_OPTUNA_URL", server.url)
    fewer = replace(task, settings=replace(task.settings, search=replace(task.settings.search, trials=16, workers=2)))
    server.start()
    try:
        study, restarts = listed(fewer), list[float]()

        def restart() -> None:
            if not restarts and study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)):
                server.stop()
                time.sleep(3)
                server.start()
                restarts.append(time.monotonic())

        with meanwhile(restart, every_s=1):
            run_study(study, fewer)
        assert restarts
        found = study.get_trials()
        whole = [trial.user_attrs[PLACE] for trial in found if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        assert sorted(whole) == list(range(16))
        assert not [trial for trial in found if not trial.state.is_finished()]
    finally:
        server.stop()


@pytest.mark.slow
def test_a_scheduler_that_is_started_again_ends_no_search(task: TrialTask, tmp_path: Path) -> None:
    address, study, restarts = f"tcp://127.0.0.1:{free_port()}", listed(task), list[float]()
    with _Cluster(address, tmp_path) as cluster:

        def restart() -> None:
            if not restarts and len(study.get_trials(states=(TrialState.COMPLETE,))) >= 4:
                cluster.restart()
                restarts.append(time.monotonic())

        with meanwhile(restart, every_s=1):
            run_study(study, task, scheduler=address)
    assert restarts
    assert_each_ended_once(study, TRIALS)


class _Cluster:
    """A scheduler and two workers, as processes."""

    def __init__(self, address: str, folder: Path) -> None:
        self._address, self._folder, self._stack = address, folder, ExitStack()

    def __enter__(self) -> "_Cluster":
        for name, command in (
            ("scheduler", dask_scheduler(self._address)),
            ("one", dask_worker(self._address)),
            ("two", dask_worker(self._address)),
        ):
            self._stack.enter_context(running(command, log=self._folder / name))
        _wait_for(self._address)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def restart(self) -> None:
        self._stack.close()
        self.__enter__()


def _wait_for(address: str) -> None:
    host, port = address.removeprefix("tcp://").split(":")
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)


class _PostgreSQL:
    """A server of this test's own, which can be stopped."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            pytest.skip("PostgreSQL is not installed: `tests/postgresql.sh true` installs it")
        self._bin, self._port = found[-1], free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="assay-search-"))  # short: its socket lies in it
        if os.getuid() == 0:
            subprocess.run(["chown", "postgres", self._folder], check=True)
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        self.url = f"postgresql+psycopg2://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder} -c fsync=off"
        )
        self._run("pg_ctl", "-D", self._data, "-l", str(self._folder / "log"), "-w", "start", "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def _run(self, name: str, *arguments: str) -> None:
        owner = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*owner, str(self._bin / name), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")
