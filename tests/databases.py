"""Databases for tests: an SQLite file, and, where ASSAY_TEST_POSTGRESQL_URL names a server, a new database on it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

POSTGRESQL = os.environ.get("ASSAY_TEST_POSTGRESQL_URL")
KINDS = ("sqlite", "postgresql") if POSTGRESQL else ("sqlite",)


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a database that nobody has used."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'new' / 'assay.db'}"
        return
    name = f"assay_{uuid.uuid4().hex}"
    server = sa.create_engine(str(POSTGRESQL), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
