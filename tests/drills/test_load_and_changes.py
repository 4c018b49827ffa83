"""Production changes, and processes are killed, while many ask: no request fails, and no answer mixes two versions.

pytest -n0 -m slow tests/drills/test_load_and_changes.py       # half an hour with 20 promotions and 2 rollbacks
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from tests.drills.commands import assay_here
from tests.drills.houses import NAME
from tests.drills.packages import golden_inputs
from tests.drills.test_following import serving, wait_for

ASKING = 6
BODY = save({name: array[:2].numpy() for name, array in golden_inputs().items()})
BINARY = {"Content-Type": "application/x-safetensors", "Accept": "application/x-safetensors"}


class Asking:
    """Threads that ask until they are told to end, and what they saw."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder, self._over = url, folder, threading.Event()
        self.answers: dict[int, list[tuple[float, ...]]] = {}
        """By version, the distinct answers that it gave."""
        self.failed: list[str] = []
        self.count = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(ASKING)]

    @contextmanager
    def meanwhile(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _ask(self, number: int) -> None:
        path = self._folder / f"answer-{number}"
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not self._over.is_set():
                try:
                    answer = client.post(f"{self._url}/predict", content=BODY, headers=BINARY)
                except httpx.HTTPError as error:
                    self._note(repr(error))
                    continue
                if answer.status_code != 200:
                    self._note(answer.text)
                    continue
                path.write_bytes(answer.content)
                with safe_open(path, framework="numpy") as file:
                    said: dict[str, str] = file.metadata()
                    values = np.round(file.get_tensor("posterior_flux"), 2)
                self._note_answer(said, tuple(float(value) for value in values))

    def _note(self, failure: str) -> None:
        with self._lock:
            self.failed.append(failure)

    def _note_answer(self, said: dict[str, Any], values: tuple[float, ...]) -> None:
        with self._lock:
            self.count += 1
            version = json.loads(said["model"])["version"]
            if not all(name.startswith(f"{NAME}.{version}.") for name in json.loads(said["id"])):
                self.failed.append(f"{said['id']} is by version {version}")
            known = self.answers.setdefault(version, [])
            if not any(np.allclose(values, other, atol=0.02) for other in known):
                known.append(values)


def change(house: Workspace, *command: str) -> None:
    held = open_ledger(house).holder(NAME, "production")
    done = assay_here(house, *command, "--expect", str(held), "--reason", "under load")
    assert done.returncode == 0, done.stderr


def promote_another(house: Workspace) -> int:
    """Put one of the other versions into production, by way of staging."""
    held = open_ledger(house).holder(NAME, "production")
    version = 2 if held != 2 else 3
    done = assay_here(house, "promote", NAME, str(version), "--to", "staging", "--reason", "under load")
    assert done.returncode == 0, done.stderr
    change(house, "promote", NAME, str(version), "--to", "production")
    return version


@pytest.mark.house("succeeded")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("promotions", "rollbacks", "seconds"), [(1, 1, 0), pytest.param(20, 2, 1800, marks=pytest.mark.slow)]
)
def test_no_request_fails_while_production_changes(
    house: Workspace, tmp_path: Path, promotions: int, rollbacks: int, seconds: float
) -> None:
    with serving(house) as (url, log):
        asking, began, memory = Asking(url, tmp_path), time.monotonic(), []
        with asking.meanwhile():
            for number in range(rollbacks + promotions):
                if number % (1 + promotions // rollbacks) == 0:
                    change(house, "rollback", NAME)
                    version = open_ledger(house).holder(NAME, "production") or 0
                else:
                    version = promote_another(house)
                wait_for(version, url, log)
                memory.append(resident(psutil.Process(), log))
                time.sleep(max(0.0, (number + 1) / (rollbacks + promotions) * seconds - (time.monotonic() - began)))
            time.sleep(1)
    assert asking.failed == []
    assert asking.count > 20
    assert {len(known) for known in asking.answers.values()} == {1}, "each version has an answer of its own"
    assert len(asking.answers) >= 2
    assert memory[-1] < 1.2 * memory[len(memory) // 3], memory


def resident(parent: psutil.Process, log: Path) -> int:
    """Bytes of the server's processes, once those of the version before are gone."""
    deadline = time.monotonic() + 60
    while True:
        with suppress(psutil.NoSuchProcess):  # another look, then
            if len({child.ppid() for child in living(parent, "bentoml")}) <= 2 or time.monotonic() > deadline:
                return sum(child.memory_info().rss for child in living(parent, ""))
        time.sleep(0.2)


def living(parent: psutil.Process, part: str) -> list[psutil.Process]:
    """Its children, and theirs, whose command has a part; none that have ended, whether somebody has asked or not."""
    found = []
    for child in parent.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and part in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.house("promoted")
@pytest.mark.timeout(600)
def test_a_worker_that_is_killed_fails_nobody_and_is_back(house: Workspace, tmp_path: Path) -> None:
    with serving(house) as (url, log):
        asking = Asking(url, tmp_path)
        with asking.meanwhile():
            time.sleep(2)
            before = asking.count
            (worker,) = living(psutil.Process(), "_bentoml_impl.worker.service")
            worker.kill()
            killed = time.monotonic()
            worker.wait(10)
            asked = httpx.post(f"{url}/predict", content=BODY, headers=BINARY, timeout=60, trust_env=False)
            assert asked.status_code == 200, log.read_text()
            back = time.monotonic() - killed
            time.sleep(1)
    assert asking.failed == []
    assert asking.count > before
    assert back < 60
