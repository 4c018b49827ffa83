"""The ledger against changes from outside: bytes, rows, locks; on PostgreSQL too, as `test_ledger.py`."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from components.core.errors import AssayError, IntegrityError
from components.ledger.ledger import Ledger
from components.ledger.table import TABLE
from tests.code.ledger.ledgers import FACTS

NO_JSON = "evidence = '{\"digest\": '"


def rewrite(url: str, statement: str) -> None:
    """Change the table as somebody with the file in hand could: without the triggers."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for name in ("update", "delete"):
                connection.execute(sa.text(f"DROP TRIGGER ledger_refuses_{name}"))
        else:
            connection.execute(sa.text("ALTER TABLE ledger DISABLE TRIGGER ledger_refuses"))
        connection.execute(sa.text(statement))
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("ALTER TABLE ledger ENABLE TRIGGER ledger_refuses"))
    Ledger(url).create()


@pytest.mark.parametrize(
    "change",
    [
        "version = 3",
        "actor = 'eve'",
        "reason = 'gates passee'",
        "at = '2020-01-01T00:00:00.000+00:00'",
        "weights_sha256 = 'v'",
        'evidence = \'{"digest": "f"}\'',
        "evidence = '{\"digest\": 1e999}'",
        "previous_digest = 'a'",
        "to_stage = 'archivee'",
        "problem = 'another'",
        NO_JSON,
    ],
)
def test_a_changed_entry_is_refused_and_named(ledger: Ledger, problem: str, url: str, change: str) -> None:
    for version in (1, 2):
        ledger.move(problem, version, "candidate", expect=version - 1 or None, **FACTS)
    statement = f"UPDATE ledger SET {change} WHERE problem = '{problem}' AND sequence = 2"
    if change == NO_JSON and url.startswith("postgresql"):
        with pytest.raises(sa.exc.DataError):  # the server lets nobody store it
            rewrite(url, statement)
        return
    rewrite(url, statement)
    for read in (
        lambda: ledger.history(problem),
        lambda: ledger.current(problem),
        lambda: ledger.holder(problem, "candidate"),
    ):
        with pytest.raises(
            IntegrityError,
            match=f"ledger {url.partition(':')[0].partition('+')[0]}.*: entry 2 of .* is not what",
        ):
            read()


def test_what_was_done_to_one_problem_does_not_stop_another(ledger: Ledger, problem: str, url: str) -> None:
    other = f"{problem}-other"
    for name in (problem, other):
        ledger.move(name, 1, "candidate", expect=None, **FACTS)
    rewrite(url, f"UPDATE ledger SET actor = 'eve' WHERE problem = '{other}'")
    assert [entry.actor for entry in ledger.history(problem)] == ["ada"]
    ledger.move(problem, 1, "staging", expect=None, **FACTS)
    with pytest.raises(IntegrityError, match=f"entry 1 of {other} is not what was written"):
        ledger.history(other)


@pytest.mark.parametrize("left", [0, 1])
def test_the_last_entries_of_a_problem_made_another_problems_are_found(
    ledger: Ledger, problem: str, url: str, left: int
) -> None:
    for version in range(1, left + 2):
        ledger.move(problem, version, "candidate", expect=version - 1 or None, **FACTS)
    rewrite(url, f"UPDATE ledger SET problem = 'another' WHERE problem = '{problem}' AND sequence = {left + 1}")
    with pytest.raises(IntegrityError, match=f"entry {left + 1} of another is not what was written: it was one of"):
        ledger.history(problem)


def test_an_entry_of_a_later_format_is_refused_in_a_line(ledger: Ledger, problem: str, url: str) -> None:
    ledger.move(problem, 1, "candidate", expect=None, **FACTS)
    rewrite(url, f"UPDATE ledger SET format = 9 WHERE problem = '{problem}'")
    with pytest.raises(IntegrityError, match=r"was written by a newer Assay \(format 9, and this one reads 2\)"):
        ledger.history(problem)


def test_a_removed_entry_is_found(ledger: Ledger, problem: str, url: str) -> None:
    for version in (1, 2, 3):
        ledger.move(problem, version, "candidate", expect=version - 1 or None, **FACTS)
    rewrite(url, f"DELETE FROM ledger WHERE problem = '{problem}' AND sequence = 2")
    with pytest.raises(IntegrityError, match=f"entry 3 of {problem} does not follow the entry before it"):
        ledger.history(problem)


def test_an_entry_gone_from_the_end_is_found_by_what_mlflow_saw_last(ledger: Ledger, problem: str, url: str) -> None:
    seen = [ledger.move(problem, version, "candidate", expect=version - 1 or None, **FACTS) for version in (1, 2)]
    for head in (None, "no head at all", seen[0].head, seen[1].head):
        ledger.check_reaches(problem, head)
    rewrite(url, f"DELETE FROM ledger WHERE problem = '{problem}' AND sequence = 2")
    assert len(ledger.history(problem)) == 1  # in itself it is whole
    ledger.check_reaches(problem, seen[0].head)
    with pytest.raises(IntegrityError, match=r"entry 2, which the tag ledger\.head .* names, is gone or another"):
        ledger.check_reaches(problem, seen[1].head)
    ledger.move(problem, 3, "candidate", expect=1, **FACTS)
    with pytest.raises(IntegrityError, match="is gone or another"):
        ledger.check_reaches(problem, seen[1].head)


@pytest.mark.parametrize("statement", ["UPDATE ledger SET actor = 'eve'", "DELETE FROM ledger"])
def test_nothing_is_changed_in_it(ledger: Ledger, problem: str, url: str, statement: str) -> None:
    ledger.move(problem, 1, "candidate", expect=None, **FACTS)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert [entry.actor for entry in ledger.history(problem)] == ["ada"]


@pytest.mark.parametrize("key", ["id", "problem, sequence"])
def test_nothing_is_replaced_in_it(ledger: Ledger, problem: str, url: str, key: str) -> None:
    """An INSERT that takes the row away which stands in its way: on SQLite no trigger for deletes hears of it."""
    ledger.move(problem, 1, "candidate", expect=None, **FACTS)
    names = [column.name for column in TABLE.columns if key == "id" or column.name != "id"]
    chosen = ", ".join("'eve'" if name == "actor" else name for name in names)
    said = f"INTO ledger ({', '.join(names)}) SELECT {chosen} FROM ledger WHERE problem = '{problem}'"
    upsert = f"INSERT {said} ON CONFLICT ({key}) DO UPDATE SET actor = 'eve'"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for statement in (upsert, f"INSERT OR REPLACE {said}", f"REPLACE {said}")[: None if "sqlite" in url else 1]:
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
