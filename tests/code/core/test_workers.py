"""Workers: what each of them sees, one that dies, a scheduler that is not there, has no workers or is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from dask.system import CPU_COUNT

from components.core import AssayError, Finished, Workers, environments, free_port, open_workers, running
from tests.dask_workers import dask_scheduler, dask_worker

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ADDRESS = "tcp://127.0.0.1"


def seen(name: str) -> tuple[int, str | None]:
    time.sleep(0.3)  # so that no worker has all
    return os.getpid(), os.environ.get(name)


def die_once(folder: Path, number: int) -> tuple[int, int]:
    """Ends the process that it is called in, the first time."""
    mark = folder / str(number)
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number, os.getpid()


def refuse(number: int) -> int:
    raise AssayError(f"{number} is refused")


def late(folder: Path, number: int) -> int:
    (folder / f"begun-{number}-{os.getpid()}").touch()
    time.sleep(1)
    return number


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    """Two workers with a device each, whose names are made up."""
    with mock.patch.dict(os.environ):
        for name in THREADS:
            os.environ.pop(name, None)
        before = dict(os.environ)
        with open_workers(2, devices=["3", "GPU-5f1c"]) as workers:
            yield workers
        changed = {name for name, value in before.items() if os.environ.get(name) != value} - {"PYTEST_CURRENT_TEST"}
        assert not changed  # what workers are told is not told to this process


def test_each_worker_sees_its_own_device_and_its_share_of_the_cores(two: Workers) -> None:
    devices = {done.result() for done in two.results(seen, ["CUDA_VISIBLE_DEVICES"] * 6)}
    assert {device for _, device in devices} == {"3", "GPU-5f1c"}
    assert len(devices) == 2  # one process each
    assert os.getpid() not in {process for process, _ in devices}
    threads = {done.result()[1] for done in two.results(seen, ["OMP_NUM_THREADS"] * 2)}
    assert threads == {str(max(1, CPU_COUNT // 2))}


def test_devices_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert [own["CUDA_VISIBLE_DEVICES"] for own in environments(2)] == ["2", "5"]
    with pytest.raises(AssayError, match="3 workers want a GPU each and this machine has 2: use --workers 2"):
        environments(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not any("CUDA_VISIBLE_DEVICES" in own for own in environments(3))


def test_one_worker_is_this_process_and_needs_no_dask() -> None:
    code = (
        "import sys\nfrom components.core import open_workers\n"
        "with open_workers(1) as workers:\n    print([done.result() for done in workers.results(abs, [-1, 2])])\n"
        "print([name for name in sys.modules if name.startswith(('dask', 'distributed', 'torch'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[1, 2]\n[]\n"


def test_a_task_whose_worker_dies_is_done_by_another_and_an_error_is_its_own(two: Workers, tmp_path: Path) -> None:
    done = [finished.result() for finished in two.results(partial(die_once, tmp_path), range(4))]
    refused = list(two.results(refuse, [7]))
    assert sorted(number for number, _ in done) == [0, 1, 2, 3]
    with pytest.raises(AssayError, match="7 is refused"):
        refused[0].result()


def test_arguments_are_asked_for_when_a_worker_is_free(two: Workers) -> None:
    asked: list[int] = []

    def arguments() -> Iterator[int]:
        for number in range(6):
            asked.append(number)
            yield number

    for ended, _ in enumerate(two.results(abs, arguments()), start=1):
        assert len(asked) <= ended + 2


def test_a_scheduler_that_is_not_there_and_one_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.core.workers._ANSWER_S", 1.0)
    monkeypatch.setattr("components.core.workers._WORKERS_S", 1.0)
    address = f"{ADDRESS}:{free_port()}"
    for where in (address, "nowhere"):
        with pytest.raises(AssayError, match=f"no Dask scheduler answers at {where}"):
            open_workers(1, scheduler=where).__enter__()
    monkeypatch.setattr("components.core.workers._ANSWER_S", 60.0)
    with (
        running(dask_scheduler(address), log=tmp_path / "log"),
        pytest.raises(AssayError, match="has no workers after"),
    ):
        open_workers(1, scheduler=address).__enter__()


@pytest.mark.slow
def test_a_scheduler_that_is_started_again_gets_what_was_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.core.workers._ANSWER_S", 60.0)
    address = f"{ADDRESS}:{free_port()}"
    begin, found = partial(late, tmp_path), list[Finished[int, int]]()
    with ExitStack() as first, ExitStack() as second:
        for name, command in (
            ("scheduler", dask_scheduler(address)),
            ("one", dask_worker(address)),
            ("two", dask_worker(address)),
        ):
            first.enter_context(running(command, log=tmp_path / name))
        with open_workers(1, scheduler=address) as workers:
            for done in workers.results(begin, range(8)):
                found.append(done)
                if len(found) == 2:
                    first.close()
                    for name, command in (("again", dask_scheduler(address)), ("three", dask_worker(address))):
                        second.enter_context(running(command, log=tmp_path / name))
    assert sorted(done.result() for done in found) == list(range(8))
