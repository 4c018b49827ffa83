"""The ledger: compare-and-set between real processes, a consistent past, and nothing ever changed in it.

`tests/postgresql.sh make test` runs everything here on PostgreSQL too.
"""

import multiprocessing
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.core.errors import AssayError, RefusedError
from components.ledger.actions import COLLECTED, REGISTER
from components.ledger.checks import KnownWeightsError
from components.ledger.ledger import Ledger
from components.ledger.reading import last_good, withdrawn
from components.ledger.stages import STAGES
from components.ledger.table import Entry
from tests.code.ledger.ledgers import FACTS

PROCESSES, ROUNDS = 8, 5


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


def test_production_is_never_left_empty(ledger: Ledger, problem: str) -> None:
    ledger.move(problem, 1, "production", expect=None, **FACTS)
    for stage in ("candidate", "staging", "archived"):
        with pytest.raises(RefusedError, match=r"version 1 is in production since .* must not be left empty"):
            ledger.move(problem, 1, stage, expect=None, **FACTS)
    assert ledger.holder(problem, "production") == 1


def test_another_override_or_package_of_a_version_in_its_stage_is_an_entry_of_its_own(
    ledger: Ledger, problem: str
) -> None:
    ledger.move(problem, 1, "production", expect=None, override={"until": "2026-12-31"}, **FACTS)
    ledger.move(problem, 1, "production", expect=1, override={"until": "2027-12-31"}, **FACTS)
    ledger.move(problem, 1, "production", expect=1, **FACTS)
    assert [entry.override for entry in ledger.history(problem)] == [
        {"until": "2026-12-31"},
        {"until": "2027-12-31"},
        None,
    ]
    assert ledger.stages(problem) == {1: "production"}


def test_a_version_that_was_moved_since_the_decision_stays_where_it_is(ledger: Ledger, problem: str) -> None:
    ledger.move(problem, 1, "production", expect=None, **FACTS)
    seen = ledger.move(problem, 2, "staging", expect=None, **FACTS)
    ledger.move(
        problem, 2, "archived", expect=None, **FACTS | {"action": "archive", "actor": "bob", "reason": "biased"}
    )
    with pytest.raises(RefusedError, match=r"version 2 was moved meanwhile, to archived by bob \(biased\)"):
        ledger.move(problem, 2, "production", expect=1, since=seen.digest, **FACTS)
    assert ledger.stages(problem) == {2: "archived", 1: "production"}
    now = ledger.current(problem)[2]
    ledger.move(problem, 2, "production", expect=1, since=now.digest, **FACTS)
    ledger.move(problem, 2, "production", expect=1, since=now.digest, **FACTS)  # run again after a kill
    with pytest.raises(RefusedError, match="held by version 2"):  # a new entry needs to know who is there
        ledger.move(problem, 2, "production", expect=1, override={"until": "2026-12-31"}, **FACTS)


def test_a_change_that_fails_half_way_is_not_written_at_all(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'assay.db'}"
    ledger = Ledger(url)
    ledger.create()
    ledger.move("galaxy-shape", 1, "production", expect=None, **FACTS)
    before = ledger.history("galaxy-shape")
    with closing(sqlite3.connect(tmp_path / "assay.db")) as database, database:
        database.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON ledger WHEN NEW.action = 'replaced' "
            "BEGIN SELECT RAISE(FAIL, 'broken'); END"
        )
    with pytest.raises(AssayError, match="races"):
        ledger.move("galaxy-shape", 2, "production", expect=1, **FACTS)
    assert ledger.history("galaxy-shape") == before


def test_wrong_values_are_refused(ledger: Ledger, problem: str) -> None:
    with pytest.raises(AssayError, match="stage 'prod' does not exist"):
        ledger.move(problem, 1, "prod", expect=None, **FACTS)
    with pytest.raises(AssayError, match="the reason is empty"):
        ledger.move(problem, 1, "staging", expect=None, **FACTS | {"reason": " "})
    with pytest.raises(AssayError, match="not JSON"):
        ledger.move(problem, 1, "staging", expect=None, **FACTS | {"evidence": {"rmse": float("nan")}})
    assert ledger.history(problem) == []


def set_clock(monkeypatch: pytest.MonkeyPatch, to: datetime) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Clock":
            return cls.fromisoformat(to.isoformat())

    monkeypatch.setattr("components.ledger.ledger.datetime", Clock)


def test_time_does_not_go_back_where_the_clocks_of_two_machines_differ(
    ledger: Ledger, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger.move(problem, 1, "candidate", expect=None, **FACTS)
    set_clock(monkeypatch, datetime.now(UTC) - timedelta(hours=2))
    assert ledger.now(problem).isoformat(timespec="milliseconds") == first.at
    second = ledger.move(problem, 2, "candidate", expect=1, **FACTS)
    assert second.at == first.at
    assert [entry.version for entry in ledger.history(problem)] == [1, 2]


def test_a_machine_whose_clock_once_was_wrong_ends_no_override_of_others(
    ledger: Ledger, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, datetime(2099, 1, 1, tzinfo=UTC))
    ledger.move(problem, 1, "candidate", expect=None, **FACTS)
    monkeypatch.undo()
    assert ledger.now(problem).year < 2099
    assert ledger.move(problem, 2, "candidate", expect=1, **FACTS).at < "2099"
    assert [entry.version for entry in ledger.history(problem)] == [1, 2]


def test_an_override_stays_with_the_version_until_it_is_promoted_again(ledger: Ledger, problem: str) -> None:
    override = {"by": "ada", "reason": "the survey starts today", "until": "2026-12-31", "overruled": ["gate x fail"]}
    ledger.move(problem, 1, "production", expect=None, override=override, **FACTS)
    assert ledger.current(problem)[1].override == override
    ledger.move(problem, 2, "production", expect=1, **FACTS)
    assert ledger.current(problem)[1].override == override  # archived, and still marked
    assert ledger.current(problem)[2].override is None


def test_the_last_good_version_is_one_that_nobody_rolled_back_from(ledger: Ledger, problem: str) -> None:
    def to_production(version: int, action: str = "promote") -> int | None:
        holder = ledger.holder(problem, "production")
        ledger.move(problem, version, "production", expect=holder, **of(version, action=action))
        return last_good(ledger.history(problem))

    def of(version: int, **more: str) -> dict[str, Any]:
        return FACTS | {"weights_sha256": f"w{version}"} | more

    assert [to_production(version) for version in (1, 2, 3)] == [None, 1, 2]
    assert to_production(2, "rollback") == 1
    assert to_production(1, "rollback") is None
    assert to_production(4) == 1
    assert to_production(5) == 4
    ledger.move(problem, 4, "archived", expect=None, **of(4, action="archive", reason="never again"))
    assert last_good(ledger.history(problem)) == 1
    ledger.move(problem, 1, "archived", expect=None, **of(1, action="gc"))
    assert last_good(ledger.history(problem)) is None  # there are no files of it any more


def test_a_word_against_weights_holds_under_whatever_number_they_are_registered(ledger: Ledger, problem: str) -> None:
    def put(version: int, weights: str, stage: str, action: str) -> set[str]:
        expect = ledger.holder(problem, stage)
        ledger.move(problem, version, stage, expect=expect, **FACTS | {"weights_sha256": weights, "action": action})
        return withdrawn(ledger.history(problem))

    put(1, "a", "production", "promote")
    put(2, "b", "production", "promote")
    assert put(1, "a", "production", "rollback") == {"b"}
    assert put(3, "b", "candidate", "registered twice") == {"b"}  # the same network, as older ledgers have it
    assert put(3, "b", "staging", "promote") == {"b"}  # who tries it in staging has not said that production is over it
    assert put(4, "c", "production", "promote") == {"b"}
    assert last_good(ledger.history(problem)) == 1
    assert put(3, "b", "production", "promote") == set()
    assert put(5, "d", "archived", "archive") == {"d"}
    assert put(6, "d", "candidate", "registered twice") == {"d"}
    assert put(6, "d", "staging", "promote") == set()


def test_a_network_has_one_number_unless_its_files_were_deleted(ledger: Ledger, problem: str) -> None:
    def register(version: int) -> int:
        return ledger.move(problem, version, "candidate", expect=None, **FACTS | {"action": REGISTER}).version

    assert [register(1), register(1)] == [1, 1]
    with pytest.raises(KnownWeightsError, match=r"version 2 has the weights of version 1") as caught:
        register(2)
    assert caught.value.version == 1
    assert list(ledger.current(problem)) == [1]
    ledger.move(problem, 1, "archived", expect=None, **FACTS | {"action": COLLECTED})
    assert register(2) == 2


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
        now = shared.stage_of(problem, version)
        stays = now == stage
        allowed = now != "production" and (expect == holder or stage in ("candidate", "archived"))
        if allowed or stays:
            entry = shared.move(problem, version, stage, expect=expect, **FACTS)
            assert (entry in before) == stays
        else:
            with pytest.raises(RefusedError):
                shared.move(problem, version, stage, expect=expect, **FACTS)
        after = shared.history(problem)
        assert after[: len(before)] == before
        assert (len(after) > len(before)) == (allowed and not stays)
        before = after
    check_past(before)
