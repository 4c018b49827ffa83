"""The database of the ledger, SQLite or PostgreSQL: its table is made once, read whole, appended to, never changed.

    database = LedgerDatabase("sqlite:////home/ada/assay/.assay/assay.db", patience_s=60)
    database.create()
    database.append(entries)
    database.entries("galaxy-shape")

Triggers refuse changes of entries made through SQL. How the tables are made stands in `schema.py`.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from components.core import AssayError, interrupted_after, require_held
from components.ledger.schema import NEWEST, REVISIONS, bring_up_to_date, revision_of
from components.ledger.table import COLUMNS, FIRST, TABLE, Entry, check_not_taken_from, checked, read_json

_TAKEN = "SELECT 1 FROM ledger WHERE id = NEW.id OR (problem = NEW.problem AND sequence = NEW.sequence)"
_SQLITE_GUARDS = tuple(
    sa.text(
        f"CREATE TRIGGER IF NOT EXISTS ledger_refuses_{name} BEFORE {verb} ON ledger {when} "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    )
    for name, verb, when in (
        ("update", "UPDATE", ""),
        ("delete", "DELETE", ""),
        # INSERT OR REPLACE takes rows away without asking the trigger for deletes.
        ("replace", "INSERT", f"WHEN EXISTS ({_TAKEN})"),
    )
)
_POSTGRESQL_GUARDS = (
    sa.text(
        "CREATE OR REPLACE FUNCTION ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'the ledger is append-only'; END$$"
    ),
    sa.text(
        "CREATE OR REPLACE TRIGGER ledger_refuses BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses()"
    ),
)

_POSTGRESQL_CREATE_LOCK = 20_461_507  # any number that nothing else in the database locks on


class LedgerDatabase:
    """The table of stage changes of every problem.

    Args:
        url: SQLAlchemy URL of the database.
        patience_s: seconds to wait for another process's lock on an SQLite file.
    """

    def __init__(self, url: str, *, patience_s: float) -> None:
        is_sqlite = url.startswith("sqlite")
        # Every call opens and closes its own connection, so that none outlives a fork or stays idle for a whole flow.
        self._engine = sa.create_engine(
            url,
            poolclass=sa.NullPool,
            json_deserializer=read_json,
            connect_args={"timeout": patience_s} if is_sqlite else {},
        )
        if is_sqlite:
            # A byte that is no text any more must reach the entry's digest, which names the entry.
            sa.event.listen(self._engine, "connect", _read_any_text)

    @property
    def where(self) -> str:
        """The database, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def create(self, *, upgrade: bool = False) -> list[str]:
        """Make the tables and the triggers that keep entries as they are, where they are not there yet.

        Several processes may do it at once, and one that was killed half-way has done nothing.

        Args:
            upgrade: whether tables of an older revision are brought up to date.

        Returns:
            What was done to older tables, in words.

        Raises:
            AssayError: when the tables are of an older revision, and nobody said to change them, or of a newer one.
        """
        url, dialect = self._engine.url, self._engine.dialect.name
        if dialect == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        with self._guarded(), self._engine.connect() as connection:
            found = revision_of(connection)
        if found == NEWEST and dialect == "postgresql":
            return []  # made in one transaction, so the triggers are there too
        with self._guarded(), self._changing() as connection:
            before = revision_of(connection)  # another process may have made them meanwhile
            self._check_revision(before, upgrade=upgrade)
            done = bring_up_to_date(connection) if before != NEWEST else []
            for guard in _POSTGRESQL_GUARDS if dialect == "postgresql" else _SQLITE_GUARDS:
                connection.execute(guard)
        return [REVISIONS[revision] for revision in done] if before else []

    def entries(self, problem: str) -> list[Entry]:
        """Every entry of a problem, in the order of their numbers.

        Raises:
            IntegrityError: when one is not what was written, or was made one of another problem's.
        """
        rows = sa.select(*COLUMNS).order_by(TABLE.c.sequence)
        with self._guarded(), self._engine.connect() as connection:
            found = connection.execute(rows.where(TABLE.c.problem == problem)).mappings().all()
            # A row that was taken out of the middle leaves a gap; one from the end would be missed by nobody.
            last = found[-1]["digest"] if found else FIRST
            behind = rows.where(TABLE.c.problem != problem, TABLE.c.previous_digest == last)
            others = connection.execute(behind).mappings().all()
        for row in others:
            check_not_taken_from(problem, Entry(**row), self.where)
        return [checked(Entry(**row), self.where) for row in found]

    def last_digest(self, problem: str) -> str | None:
        """The digest of a problem's last entry, unchecked: whether there is anything new to be read."""
        last = sa.select(TABLE.c.digest).where(TABLE.c.problem == problem).order_by(TABLE.c.sequence.desc()).limit(1)
        with self.reading() as connection:
            found = connection.execute(last).scalar()
        return None if found is None else str(found)

    @cached_property
    def identity(self) -> str:
        """What names this ledger among others, wherever its database is copied or moved to."""
        with self.reading() as connection:
            return str(connection.execute(sa.text("SELECT identity FROM ledger_identity")).scalar_one())

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that reads; its errors come in one line."""
        with self._guarded(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A connection whose changes are made together, or not at all; its errors come in one line."""
        with self._guarded(), self._engine.begin() as connection:
            yield connection

    def seconds(self, connection: sa.Connection) -> float:
        """The time since 1970 by the one clock that all machines share which use this database."""
        if self._engine.dialect.name == "sqlite":  # a file of this machine
            return time.time()
        return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def append(self, entries: Sequence[Entry]) -> bool:
        """Write all entries or none; False when another process took one of their numbers.

        Raises:
            AssayError: when the database cannot be used, or this process lost a lock that it works under.
        """
        require_held()
        rows = [{field.name: getattr(entry, field.name) for field in fields(Entry)} for entry in entries]
        try:
            with self.writing() as connection:
                connection.execute(sa.insert(TABLE), rows)
        except IntegrityError:
            return False
        return True

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        """A connection that changes tables: alone, and altogether or not at all."""
        if self._engine.dialect.name != "sqlite":
            with self._engine.begin() as connection:
                # IF NOT EXISTS does not keep two creators from colliding in PostgreSQL's own catalogue.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_CREATE_LOCK)))
                yield connection
            return
        # The driver begins no transaction before it changes tables: a killed process would leave half of them.
        with self._engine.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            driver.isolation_level = None
            driver.execute("BEGIN IMMEDIATE")
            yield connection
            driver.execute("COMMIT")

    def _check_revision(self, found: str | None, *, upgrade: bool) -> None:
        if found is not None and found not in REVISIONS:
            raise AssayError(
                f"the ledger {self.where} was made by a newer Assay (revision {found}, and this one knows {NEWEST}): "
                "bring this clone up to date"
            )
        if found not in (None, NEWEST) and not upgrade:
            raise AssayError(
                f"the ledger {self.where} is of an older Assay (revision {found}, and this one needs {NEWEST}): keep a "
                "copy of it, then type `assay init`"
            )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn what a database driver raises into one line, and have Ctrl-C wait for it: no lock is left behind."""
        try:
            with interrupted_after():
                yield
        except IntegrityError:
            raise  # no fault: another process took a number, or said the same
        except DBAPIError as error:
            what = " ".join(str(error.orig).split())
            hint = "type `assay init`" if "ledger" in what else "see that it can be written, is not full and not locked"
            raise AssayError(f"the ledger {self.where} cannot be used ({what}): {hint}, then repeat") from error


def _read_any_text(connection: Any, _record: object) -> None:
    connection.text_factory = lambda raw: raw.decode(errors="replace")
