"""Promotions that race each other and promotions that are killed; with real processes on SQLite, and on PostgreSQL.

`tests/postgresql.sh make drills` runs everything here on PostgreSQL too.
"""

import multiprocessing
import signal
import time
from collections.abc import Iterator, Mapping
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import RefusedError
from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.ledger.table import HEAD
from components.packages.files import verify_package
from components.packages.serving import request, served
from components.registry.mirror import lineage_tags
from components.registry.owner import OWNER
from tests.databases import KINDS, new_database
from tests.drills.commands import assay, assay_here, start
from tests.drills.houses import NAME, copy_house, mlflow_client, promotion_of

PROCESSES, ROUNDS, KILLS = 16, 20, 25


@pytest.fixture(params=KINDS)
def environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Mapping[str, str]]:
    """Where the ledger is: the house's own file, or a new database on the server."""
    if request.param == "sqlite":
        yield {}
        return
    with new_database(request.param, tmp_path) as url:
        monkeypatch.setenv("ASSAY_DATABASE_URL", url)
        yield {"ASSAY_DATABASE_URL": url}


@pytest.fixture
def house(candidates: Workspace, environment: Mapping[str, str], tmp_path: Path) -> Workspace:
    """A copy of the house; on a server the candidates are entered into the new ledger."""
    house = copy_house(candidates, tmp_path / "house")
    if environment:
        for tag in (HEAD, OWNER):  # of the ledger that is left behind
            mlflow_client(house).delete_registered_model_tag(NAME, tag)
        assert assay_here(house, "reconcile", **environment).returncode == 0
    return house


def promote(version: int, stage: str, *more: str) -> tuple[str, ...]:
    return ("promote", NAME, str(version), "--to", stage, "--reason", "a drill", *more)


def check(house: Workspace, environment: Mapping[str, str], allowed: set[int]) -> int:
    """Ledger, aliases and packages agree; the version in production."""
    done = assay_here(house, "reconcile", "--json", **environment)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stdout + done.stderr
    entry = open_ledger(house).entry_in(NAME, "production")
    assert entry is not None
    assert entry.version in allowed
    assert entry.package_tag is not None
    assert verify_package(house, entry.package_tag).digest == entry.package_digest
    assert int(mlflow_client(house).get_model_version_by_alias(NAME, "production").version) == entry.version
    return entry.version


def compete(root: str, number: int, barrier: Barrier, results: Any) -> None:
    """Try to take production in every round, each time with the same knowledge as the others."""
    house = Workspace(root=Path(root), home=Path(root) / ".assay")
    promotion = promotion_of(house)
    for round_number in range(ROUNDS):
        barrier.wait()
        holder = promotion.ledger.holder(NAME, "production")
        mine = [version for version in range(1, PROCESSES + 2) if version != holder][number]
        barrier.wait()
        try:
            promotion.enter(
                mine,
                "production",
                action="promote",
                actor=f"process {number}",
                reason=f"round {round_number}",
                expect=holder,
                evidence={},
                package=promotion.package(mine),
            )
            results.put((round_number, mine, ""))
        except RefusedError as refusal:
            results.put((round_number, mine, str(refusal)))
        barrier.wait()


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_of_sixteen_processes_that_promote_at_once_one_wins_and_the_losers_say_who(
    house: Workspace, environment: Mapping[str, str]
) -> None:
    promotion = promotion_of(house)
    raw = mlflow_client(house)
    source = raw.get_model_version(NAME, "1")
    for _ in range(PROCESSES + 1 - 3):  # more versions of the same network, as older ledgers have them
        more = raw.create_model_version(NAME, str(source.source), source.run_id, tags=dict(source.tags))
        facts = {"evaluation": source.tags["evidence.digest"], "tags": lineage_tags(source.tags)}
        promotion.enter(
            int(more.version), "candidate", action="registered twice", actor="ada", reason="a drill", expect=None,
            evidence=facts,
        )  # fmt: skip
    packages = [promotion.package(version) for version in range(1, PROCESSES + 2)]
    assert len({package.digest for package in packages}) == len(packages)

    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES + 1), context.Queue()
    children = [
        context.Process(target=compete, args=(str(house.root), number, barrier, results)) for number in range(PROCESSES)
    ]
    for child in children:
        child.start()
    for round_number in range(ROUNDS):
        for _ in range(3):
            barrier.wait(600)
        told = [results.get(timeout=60) for _ in range(PROCESSES)]
        (winner,) = [version for number, version, refusal in told if number == round_number and not refusal]
        losers = [refusal for _, _, refusal in told if refusal]
        assert len(losers) == PROCESSES - 1
        assert all(f"is held by version {winner} since" in refusal for refusal in losers), losers[0]
        assert all("(moved by process " in refusal for refusal in losers), losers[0]
        if round_number % 5 == 4:
            check(house, environment, {winner})
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    moves = [entry for entry in promotion.ledger.history(NAME) if entry.to_stage == "production"]
    assert [entry.reason for entry in moves] == [f"round {number}" for number in range(ROUNDS)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_four_commands_that_promote_at_once_one_wins(house: Workspace, environment: Mapping[str, str]) -> None:
    assert assay_here(house, *promote(1, "staging"), **environment).returncode == 0
    assert assay_here(house, *promote(2, "staging"), **environment).returncode == 0  # archives version 1 again
    commands = [start(house, *promote(1 + number % 2, "production", "--first"), **environment) for number in range(4)]
    ends = [(command.communicate(timeout=400)[1], command.returncode) for command in commands]
    entry = open_ledger(house).entry_in(NAME, "production")
    assert entry is not None
    for said, status in ends:
        assert status == 0 or f"version {entry.version}" in said, said
    assert 1 <= [status for _, status in ends].count(0) <= 2  # whoever asked for the same version has it, too
    check(house, environment, {entry.version})


@pytest.mark.slow
@pytest.mark.parametrize(
    "kills", [pytest.param(3, marks=pytest.mark.ci), pytest.param(KILLS, marks=pytest.mark.timeout(3600))]
)
def test_a_promotion_killed_at_any_point_is_before_or_after(
    house: Workspace, environment: Mapping[str, str], tmp_path: Path, kills: int
) -> None:
    """Each time to staging and production in one go; production answers throughout, asked over HTTP."""
    for stage, more in (("staging", ()), ("production", ("--first",))):
        assert assay_here(house, *promote(1, stage, *more), **environment).returncode == 0
    first = open_ledger(house).entry_in(NAME, "production")
    assert first is not None
    assert first.package_tag is not None
    promotion = promotion_of(house)
    from components.packages.golden import request_items, sample

    items = request_items(sample(promotion.problem, promotion.dataset, promotion.settings, 1))
    began = time.monotonic()
    assert assay(house, *promote(2, "staging"), **environment).returncode == 0
    duration = time.monotonic() - began
    seen: list[bool] = []
    with served(house, verify_package(house, first.package_tag)) as url:
        for number in range(kills):
            # Back and forth between two versions: each promotion replaces the other one.
            before = open_ledger(house).history(NAME)
            holder = open_ledger(house).holder(NAME, "production")
            challenger = 2 if holder == 1 else 1
            run = start(house, *promote(challenger, "production"), **environment)
            try:
                time.sleep(duration * (number + 0.5) / kills)
                run.send_signal(signal.SIGKILL)
            finally:
                run.communicate(timeout=60)
            after = open_ledger(house).history(NAME)
            assert after[: len(before)] == before
            moved = [(entry.version, entry.action, entry.to_stage) for entry in after[len(before) :]]
            assert moved in ([], [(challenger, "promote", "production"), (holder, "replaced", "archived")])
            seen.append(bool(moved))
            serving = open_ledger(house).entry_in(NAME, "production")
            assert serving is not None
            assert serving.package_tag is not None
            verify_package(house, serving.package_tag)  # what `assay serve` would start now
            assert len(request(url, items)["predictions"]) == 1
            assert assay_here(house, "reconcile", **environment).returncode == 0
            assert check(house, environment, {1, 2}) == (challenger if moved else holder)
            if number % 5 == 4:
                assert assay(house, *promote(challenger, "production"), **environment).returncode == 0
                assert check(house, environment, {challenger}) == challenger
    assert not seen[0], "killed at once, it has done nothing"
    assert kills < KILLS or any(seen), "no kill came after the change"
