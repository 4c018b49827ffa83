"""The database of the ledger, SQLite or PostgreSQL: its table is made once, read whole, appended to, never changed.

    database = LedgerDatabase("sqlite:////home/ada/assay/.assay/assay.db", patience_s=60)
    database.create()
    database.append(entries)
    database.entries()

Only `components.ledger.ledger` uses this. Triggers refuse changes made through SQL.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateTable

from components.core import AssayError
from components.ledger.table import COLUMNS, TABLE, Entry, checked, read_json

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

    def create(self) -> None:
        """Make the table and the triggers that keep it append-only, where they are not there yet.

        Several processes may do it at once, and one that was killed half-way is made good by the next.
        """
        url, dialect = self._engine.url, self._engine.dialect.name
        if dialect == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        with self._one_line(), self._engine.begin() as connection:
            if dialect == "postgresql":
                # IF NOT EXISTS does not keep two creators from colliding in PostgreSQL's own catalogue.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_CREATE_LOCK)))
                if connection.scalar(sa.select(sa.func.to_regclass("ledger"))) is not None:
                    return  # made in one transaction, so the triggers are there too
            connection.execute(CreateTable(TABLE, if_not_exists=True))
            for guard in _POSTGRESQL_GUARDS if dialect == "postgresql" else _SQLITE_GUARDS:
                connection.execute(guard)

    def entries(self) -> list[Entry]:
        """Every entry of every problem, in the order of their numbers.

        Raises:
            IntegrityError: when one is not what was written.
        """
        with self._one_line(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(*COLUMNS).order_by(TABLE.c.sequence)).mappings().all()
        return [checked(Entry(**row), self.where) for row in rows]

    def append(self, entries: Sequence[Entry]) -> bool:
        """Write all entries or none; False when another process took one of their numbers."""
        rows = [{field.name: getattr(entry, field.name) for field in fields(Entry)} for entry in entries]
        with self._one_line():
            try:
                with self._engine.begin() as connection:
                    connection.execute(sa.insert(TABLE), rows)
            except IntegrityError:
                return False
        return True

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        """Turn what a database driver raises into one line for the user."""
        try:
            yield
        except DBAPIError as error:
            what = " ".join(str(error.orig).split())
            hint = "type `assay init`" if "ledger" in what else "see that it can be written, is not full and not locked"
            raise AssayError(f"the ledger {self.where} cannot be used ({what}): {hint}, then repeat") from error


def _read_any_text(connection: Any, _record: object) -> None:
    connection.text_factory = lambda raw: raw.decode(errors="replace")
