"""Two clones, on one ledger and one MLflow server that keeps the files: races, kills, cleaning, and a lost clone.

The ledger is on PostgreSQL where `tests/postgresql.sh` has one, else in one SQLite file; the MLflow server is real,
with a proxied artifact store, on 127.0.0.1.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.core.processes import free_port, running, wait_until_answers
from components.core.workspace import Workspace
from components.ledger.ledger import Ledger
from components.packages.files import package_folder
from tests.conftest import HOUSE
from tests.databases import KINDS, new_database
from tests.drills.agreement import what_is_wrong
from tests.drills.commands import assay_here, environment, refused, start
from tests.drills.houses import NAME, copy_house, register_candidates

ROUNDS = 20


@dataclass(frozen=True, kw_only=True)
class Clones:
    """Two clones and what they share."""

    one: Workspace
    two: Workspace
    shared: Mapping[str, str]
    """The variables that say where ledger and MLflow are."""

    @property
    def ledger(self) -> Ledger:
        """Read from outside of both."""
        return Ledger(self.shared["ASSAY_DATABASE_URL"])

    def holder(self, stage: str) -> int | None:
        return self.ledger.holder(NAME, stage)

    def agree(self) -> None:
        """All that both have and share says the same, by a reader that is not `reconcile`."""
        stores = [clone.home / "bentoml" / "bentos" for clone in (self.one, self.two)]
        assert what_is_wrong(self.shared["ASSAY_DATABASE_URL"], self.shared["MLFLOW_TRACKING_URI"], stores) == []

    def register(self, clone: Workspace) -> None:
        """Register the three networks from a clone; those that are registered are found."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**clone.environment(), **self.shared}.items():
                patch.setenv(name, value)
            register_candidates(clone, 3)

    def promote(self, clone: Workspace, version: int, stage: str, *more: str) -> None:
        done = assay_here(clone, *promotion(version, stage), *more, **self.shared)
        assert done.returncode == 0, done.stderr


def promotion(version: int, stage: str) -> tuple[str, ...]:
    return ("promote", NAME, str(version), "--to", stage, "--reason", "a drill")


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """MLflow's own server, which keeps the files of its clients."""
    folder.mkdir()
    port, log = free_port(), folder / "server.log"
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    kept = [
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with running([*command, *kept, "--serve-artifacts"], log=log, cwd=folder, environment=dict(os.environ)) as child:
        wait_until_answers(f"{url}/health", child, log=log)
        yield url


def answers_with(url: str) -> int | None:
    """The version that a server answers with; None while it starts again."""
    with suppress(httpx.HTTPError):
        answer = httpx.get(f"{url}/model", timeout=5)
        if answer.is_success:
            return int(answer.json()["version"])
    return None


@pytest.fixture
def clones(candidates: Workspace, tmp_path: Path) -> Iterator[Clones]:
    """Three candidates that the first clone registered; the second has the code and the data."""
    with new_database(KINDS[-1], tmp_path) as database, mlflow_server(tmp_path / "mlflow") as tracking:
        shared = {"ASSAY_DATABASE_URL": database, "MLFLOW_TRACKING_URI": tracking}
        one, two = copy_house(candidates, tmp_path / "one"), copy_house(candidates, tmp_path / "two")
        for name in ("assay.db", "mlflow.db", "mlartifacts"):
            path = one.home / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(two.home)
        made = Clones(one=one, two=two, shared=shared)
        made.register(one)
        yield made


def kept_networks(clone: Workspace) -> list[Path]:
    """Copies of a clone's networks and evaluations, which no cleaning finds."""
    return [shutil.copytree(clone.home / name, clone.root.parent / name) for name in ("models", "evaluations")]


def give(networks: list[Path], clone: Workspace) -> None:
    """Have them in a clone, as if it had made them."""
    for folder in networks:
        shutil.copytree(folder, clone.home / folder.name, dirs_exist_ok=True)


def register_in(folder: str) -> None:
    """Register the three networks from the clone in a folder, in the environment of this process."""
    root = Path(folder)
    clone = Workspace(root=root, home=root / ".assay")
    clone.activate()
    register_candidates(clone, 3)


def found_in_mlflow(tracking: str) -> list[int]:
    import mlflow

    found = mlflow.MlflowClient(tracking, tracking).search_model_versions(f"name = '{NAME}'")
    return [int(version.version) for version in found]


@pytest.mark.slow
@pytest.mark.ci
def test_a_version_promoted_in_one_clone_serves_rolls_back_and_is_succeeded_in_another_that_lives_on_alone(
    clones: Clones,
) -> None:
    one, two, shared = clones.one, clones.two, clones.shared
    clones.promote(one, 1, "staging")
    clones.promote(one, 1, "production", "--first")
    clones.promote(one, 2, "staging")
    clones.promote(one, 2, "production")
    clones.agree()
    entry = clones.ledger.current(NAME)[1]
    assert entry.package_tag is not None
    assert not package_folder(two, entry.package_tag).exists()
    # The second clone never had the package that it goes back to.
    done = assay_here(two, "rollback", NAME, "--reason", "it drifts", **shared)
    assert done.returncode == 0, done.stderr
    assert package_folder(two, entry.package_tag).is_dir()
    clones.agree()
    shutil.rmtree(one.root)
    port = free_port()
    with running(
        [sys.executable, "-m", "assay", "serve", NAME, "--port", str(port)],
        log=two.root.parent / "serve.log",
        cwd=two.root,
        environment=environment(two, **shared),
    ) as child:
        url = f"http://127.0.0.1:{port}"
        wait_until_answers(f"{url}/readyz", child, log=two.root.parent / "serve.log")
        assert answers_with(url) == 1
        clones.promote(two, 3, "staging")
        done = assay_here(two, *promotion(3, "production"), **shared)
        assert done.returncode == 0, done.stderr
        assert f"has not followed yet: {url} on " in done.stderr
        deadline = time.monotonic() + 60
        while answers_with(url) != 3:
            assert time.monotonic() < deadline, (two.root.parent / "serve.log").read_text()
            time.sleep(0.2)
    clones.agree()
    assert assay_here(two, "reconcile", "--json", **shared).stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("rounds", [pytest.param(2, marks=pytest.mark.ci), ROUNDS])
def test_of_two_clones_that_promote_at_once_one_wins_and_one_that_is_killed_leaves_nothing_half_done(
    clones: Clones, rounds: int
) -> None:
    clones.promote(clones.one, 1, "staging")
    clones.promote(clones.one, 1, "production", "--first")
    for version in (2, 3):
        clones.promote(clones.one, version, "staging")
    chance = random.Random(rounds)
    for number in range(rounds):
        held = clones.holder("production")
        mine, theirs = [version for version in (1, 2, 3) if version != held]
        first = start(clones.one, *promotion(mine, "production"), "--expect", str(held), **clones.shared)
        second = start(clones.two, *promotion(theirs, "production"), "--expect", str(held), **clones.shared)
        if number % 2 == 1:
            time.sleep(chance.uniform(1, 12))
            first.send_signal(signal.SIGKILL)
        said = [child.communicate(timeout=500)[1] for child in (first, second)]
        ends = [child.returncode for child in (first, second)]
        now = clones.holder("production")
        assert ends.count(0) == 1 or number % 2 == 1, said
        assert now in {mine, theirs}, said
        for version, end, line in zip((mine, theirs), ends, said, strict=True):
            assert (end == 0) <= (version == now), line
            assert end in (0, -signal.SIGKILL) or f"is held by version {now}" in line, line
        # A kill between the ledger and its mirror is mended by whoever comes next, here from the other clone.
        assert assay_here(clones.two, "reconcile", **clones.shared).returncode == 0
        clones.agree()


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("rounds", [2, ROUNDS])
def test_what_one_clone_stages_while_another_cleans_up_is_there_or_was_refused(clones: Clones, rounds: int) -> None:
    """At worst the promotion is told that its version is gone; never does a stage hold what was deleted."""
    one, two, shared = clones.one, clones.two, clones.shared
    clones.promote(one, 1, "staging")
    clones.promote(one, 1, "production", "--first")
    networks = kept_networks(one)
    chance, ends = random.Random(rounds), []
    for number in range(rounds):
        version = next(of for of, stage in clones.ledger.stages(NAME).items() if stage in ("candidate", "staging"))
        assert assay_here(one, "archive", NAME, str(version), "--reason", "a drill", **shared).returncode == 0
        staging = start(two, *promotion(version, "staging"), **shared)
        time.sleep(chance.uniform(1, 14))
        cleaning = start(one, "gc", NAME, "--keep", "0", **shared)
        killed = number % 2 == 1
        if killed:
            time.sleep(chance.uniform(1, 4))
            cleaning.send_signal(signal.SIGKILL)
        said = {name: child.communicate(timeout=500)[1] for name, child in (("stage", staging), ("gc", cleaning))}
        entry = clones.ledger.current(NAME)[version]
        ends.append((entry.action, killed))
        assert (staging.returncode == 0) == (entry.to_stage == "staging"), said
        assert cleaning.returncode == 0 or killed or "moved meanwhile" in said["gc"], said
        if killed:  # by whoever cleans up next
            assert assay_here(two, "gc", NAME, "--keep", "0", **shared).returncode == 0
        clones.agree()
        if entry.action == "gc":
            refused(assay_here(two, *promotion(version, "staging"), **shared), "were deleted by gc")
            give(networks, one)
            clones.register(one)  # the same networks again, under new numbers
    # Each round was a race, and not always by the same winner.
    assert {action for action, _ in ends} == {"promote", "gc"} or rounds < ROUNDS, ends


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_two_clones_that_register_the_same_networks_at_once_each_network_gets_one_number(clones: Clones) -> None:
    """As two schedules do, on machines of one kind."""
    one, two, shared = clones.one, clones.two, clones.shared
    networks = kept_networks(one)
    give(networks, two)
    clones.register(two)
    assert sorted(clones.ledger.current(NAME)) == [1, 2, 3], "what the first clone registered was found"
    for version in (1, 2, 3):
        assert assay_here(one, "archive", NAME, str(version), "--reason", "a drill", **shared).returncode == 0
    assert assay_here(one, "gc", NAME, "--keep", "0", **shared).returncode == 0
    give(networks, one)
    script = "import sys; from tests.drills.test_two_clones import register_in; register_in(sys.argv[1])"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(clone.root)],
            cwd=clone.root,
            env=environment(clone, **shared, PYTHONPATH=str(HOUSE)),
        )
        for clone in (one, two)
    ]
    assert [child.wait(600) for child in both] == [0, 0]
    now = [entry for entry in clones.ledger.current(NAME).values() if entry.action != "gc"]
    assert len(now) == len({entry.weights_sha256 for entry in now}) == 3
    assert assay_here(two, "reconcile", **shared).returncode == 0
    clones.agree()
    assert sorted(found_in_mlflow(shared["MLFLOW_TRACKING_URI"])) == sorted(entry.version for entry in now)
