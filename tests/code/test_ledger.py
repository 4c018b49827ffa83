"""The ledger: compare-and-set between real processes, a consistent past, and nothing ever changed in it.

With ASSAY_TEST_POSTGRESQL_URL set to an empty database, everything here runs on it too.
"""

import multiprocessing
import os
import sqlite3
import uuid
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.errors import AssayError, RefusedError
from components.ledger import STAGES, Entry, Ledger

POSTGRESQL = os.environ.get("ASSAY_TEST_POSTGRESQL_URL")
FACTS: dict[str, Any] = {"actor": "ada", "reason": "gates passed", "evidence": {"digest": "e"}, "weights_sha256": "w"}
PROCESSES, ROUNDS = 8, 5


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRESQL else [])])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return POSTGRESQL if POSTGRESQL and request.param == "postgresql" else f"sqlite:///{tmp_path / 'new' / 'assay.db'}"


@pytest.fixture
def ledger(url: str) -> Ledger:
    ledger = Ledger(url)
    ledger.create()
    ledger.create()
    return ledger


@pytest.fixture
def problem() -> str:
    return f"galaxy-shape-{uuid.uuid4()}"


def test_a_version_goes_through_the_stages(ledger: Ledger, problem: str) -> None:
    assert ledger.history(problem) == []
    assert ledger.holder(problem, "production") is None
    assert ledger.stage_of(problem, 1) is None
    for stage in ("candidate", "staging", "production"):
        ledger.move(problem, 1, stage, expect=None, package_tag="galaxy-shape:1", **FACTS)
    assert [(entry.from_stage, entry.to_stage) for entry in ledger.history(problem)] == [
        (None, "candidate"),
        ("candidate", "staging"),
        ("staging", "production"),
    ]
    last = ledger.history(problem)[-1]
    assert (last.sequence, last.evidence, last.package_tag) == (3, {"digest": "e"}, "galaxy-shape:1")
    assert last.at.endswith("+00:00")
    assert ledger.stage_of(problem, 1) == "production"
    assert ledger.holder(problem, "staging") is None
    assert ledger.history("another-problem") == []


def test_who_is_replaced_is_archived(ledger: Ledger, problem: str) -> None:
    ledger.move(problem, 1, "production", expect=None, **FACTS)
    entry = ledger.move(problem, 2, "production", expect=1, **FACTS)
    assert entry.previous_version == 1
    assert ledger.holder(problem, "production") == 2
    archived = ledger.history(problem)[-1]
    assert (archived.version, archived.from_stage, archived.to_stage) == (1, "production", "archived")
    assert archived.reason == "replaced by version 2"
    ledger.move(problem, 3, "candidate", expect=None, **FACTS)
    ledger.move(problem, 4, "candidate", expect=3, **FACTS)
    assert ledger.stage_of(problem, 3) == "candidate"  # there is room for many
    assert ledger.holder(problem, "candidate") == 4


def test_a_stale_expectation_is_refused_and_names_the_holder(ledger: Ledger, problem: str) -> None:
    ledger.move(problem, 1, "production", expect=None, **FACTS)
    with pytest.raises(RefusedError, match=r"held by version 1 since 20.* \(moved by ada\) and version 7 was expected"):
        ledger.move(problem, 2, "production", expect=7, **FACTS)
    with pytest.raises(RefusedError, match="nobody was expected"):
        ledger.move(problem, 2, "production", expect=None, **FACTS)
    with pytest.raises(RefusedError, match=r"staging of .* is empty and version 3 was expected"):
        ledger.move(problem, 2, "staging", expect=3, **FACTS)
    assert len(ledger.history(problem)) == 1


def test_a_killed_move_can_be_run_again(ledger: Ledger, problem: str) -> None:
    ledger.move(problem, 1, "production", expect=None, **FACTS)
    first = ledger.move(problem, 2, "production", expect=1, **FACTS)
    before = ledger.history(problem)
    assert ledger.move(problem, 2, "production", expect=1, **FACTS) == first
    assert ledger.history(problem) == before


def test_wrong_values_are_refused(ledger: Ledger, problem: str) -> None:
    with pytest.raises(AssayError, match="stage 'prod' does not exist"):
        ledger.move(problem, 1, "prod", expect=None, **FACTS)
    with pytest.raises(AssayError, match="not JSON"):
        ledger.move(problem, 1, "staging", expect=None, **FACTS | {"evidence": {"rmse": float("nan")}})
    assert ledger.history(problem) == []


@pytest.mark.parametrize("statement", ["UPDATE ledger SET actor = 'eve'", "DELETE FROM ledger"])
def test_nothing_is_changed_in_it(ledger: Ledger, problem: str, url: str, statement: str) -> None:
    ledger.move(problem, 1, "candidate", expect=None, **FACTS)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert [entry.actor for entry in ledger.history(problem)] == ["ada"]


def test_what_the_database_says_fits_one_line(tmp_path: Path) -> None:
    path = tmp_path / "assay.db"
    with pytest.raises(AssayError, match="assay init"):
        Ledger(f"sqlite:///{path}").history("galaxy-shape")
    ledger = Ledger(f"sqlite:///{path}", patience_s=0.1)
    ledger.create()
    holding = sqlite3.connect(path, isolation_level=None)
    holding.execute("BEGIN EXCLUSIVE")
    with pytest.raises(AssayError, match="database is locked") as caught:
        ledger.move("galaxy-shape", 1, "candidate", expect=None, **FACTS)
    assert "\n" not in str(caught.value)
    holding.close()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(AssayError, match="not a database"):
        ledger.holder("galaxy-shape", "production")


def compete(url: str, problem: str, number: int, barrier: Barrier, wins: Any) -> None:
    """Create the ledger, then try to take production in every round, each time with the same knowledge as the rest."""
    ledger = Ledger(url)
    barrier.wait()
    ledger.create()
    for round_number in range(ROUNDS):
        barrier.wait()
        holder = ledger.holder(problem, "production")
        barrier.wait()
        try:
            ledger.move(problem, 1 + round_number * PROCESSES + number, "production", expect=holder, **FACTS)
        except RefusedError:
            continue
        wins[round_number * PROCESSES + number] = 1


def test_of_processes_that_promote_at_once_exactly_one_wins(url: str, problem: str) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, wins = context.Barrier(PROCESSES), context.Array("i", PROCESSES * ROUNDS)
    children = [context.Process(target=compete, args=(url, problem, n, barrier, wins)) for n in range(PROCESSES)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    flags = wins[:]
    for start in range(0, len(flags), PROCESSES):
        assert sum(flags[start : start + PROCESSES]) == 1
    check_past(Ledger(url).history(problem))
    winners = [number + 1 for number, won in enumerate(flags) if won]
    assert [entry.version for entry in Ledger(url).history(problem) if entry.to_stage == "production"] == winners


def check_past(history: Sequence[Entry]) -> None:
    """Every entry agrees with what the entries before it say."""
    stages: dict[int, str] = {}
    for sequence, entry in enumerate(history, start=1):
        assert entry.sequence == sequence
        assert entry.from_stage == stages.get(entry.version)
        assert entry.previous_version == newest(stages, entry.to_stage)
        stages.pop(entry.version, None)
        stages[entry.version] = entry.to_stage
    assert list(stages.values()).count("production") <= 1
    assert list(stages.values()).count("staging") <= 1


def newest(stages: dict[int, str], stage: str) -> int | None:
    """The last to come into a stage, of versions in the order of their last move."""
    return next((version for version in reversed(stages) if stages[version] == stage), None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'assay.db'}")
    ledger.create()
    return ledger


@settings(max_examples=50, deadline=None)
@example(moves=[(1, "staging", "right"), (3, "archived", "right"), (3, "staging", "right")])
@given(
    moves=st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from(STAGES), st.one_of(st.just("right"), st.integers(1, 5))),
        max_size=12,
    )
)
def test_any_sequence_of_moves_leaves_a_consistent_past(
    shared: Ledger, moves: list[tuple[int, str, str | int]]
) -> None:
    problem, before = str(uuid.uuid4()), list[Entry]()
    for version, stage, belief in moves:
        holder = shared.holder(problem, stage)
        expect = holder if isinstance(belief, str) else belief
        stays = shared.stage_of(problem, version) == stage
        if expect == holder or stays:
            entry = shared.move(problem, version, stage, expect=expect, **FACTS)
            assert (entry in before) == stays
        else:
            with pytest.raises(RefusedError):
                shared.move(problem, version, stage, expect=expect, **FACTS)
        after = shared.history(problem)
        assert after[: len(before)] == before
        assert (len(after) > len(before)) == (expect == holder and not stays)
        before = after
    check_past(before)
