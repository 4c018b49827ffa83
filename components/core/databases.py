"""The SQLite files of a state folder: their addresses, and that none is damaged, held by another program, or far away.

    url = sqlite_url(home / "assay.db")
    check_local({"ASSAY_DATABASE_URL": url})
    check_free([home / "assay.db", home / "mlflow.db"])

A library that meets a lock waits and tries again in ways of its own, up to minutes, and then names no file. So commands
look first, once; what is locked later is told by `PATIENCE_S` of the library, where it lets us.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import psutil

from components.core.errors import AssayError
from components.core.mounts import network_mount

__label__ = None

PATIENCE_S = 10.0
"""Seconds to wait for another process's lock: our own are held for moments."""
SQLITE = "sqlite:///"


def sqlite_url(path: Path) -> str:
    """The address by which libraries open a file; the state folder's path has none of the letters that mislead them."""
    return f"{SQLITE}{path}"


def sqlite_file(url: str) -> Path | None:
    """The file that an address names; None for other databases, and for one in memory."""
    scheme, _, rest = url.partition("://")
    name = rest.removeprefix("/").partition("?")[0].removeprefix("file:")
    return Path(name).absolute() if scheme.partition("+")[0] == "sqlite" and name not in ("", ":memory:") else None


def check_local(addresses: Mapping[str, str]) -> None:
    """See that no SQLite file is to lie on a network mount; other databases are no matter.

    Args:
        addresses: of databases, by the variable that may name another.

    Raises:
        AssayError: naming folder, mount and variables.
    """
    files = {name: file for name, url in addresses.items() if (file := sqlite_file(url)) is not None}
    found = {name: (file.parent, mount) for name, file in files.items() if (mount := network_mount(file)) is not None}
    if found:
        folder, mount = next(iter(found.values()))
        raise AssayError(
            f"{folder} is on a network mount ({mount}), where SQLite's locks do not hold and databases get damaged: "
            f"set ASSAY_HOME to a folder on a local disk, or {_listed(list(found))} to PostgreSQL"
        )


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def check_free(paths: Iterable[Path], *, patience_s: float = PATIENCE_S) -> None:
    """See that files can be read and written; those that are not there yet are no matter.

    Args:
        paths: of databases.
        patience_s: how long to wait for locks, over all of them.

    Raises:
        AssayError: when one is locked by another program for longer, or is no database.
    """
    deadline = time.monotonic() + patience_s
    for path in paths:
        if not path.is_file():
            continue
        left = max(0.0, deadline - time.monotonic())
        try:
            with closing(sqlite3.connect(path, timeout=left, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("SELECT name FROM sqlite_master").fetchall()
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise AssayError(f"the database {path} cannot be used ({error}): see that you may write it") from error
            raise AssayError(
                f"the database {path} is locked by another program{_holders(path)}", "let it finish, or end it"
            ) from error
        except sqlite3.DatabaseError as error:
            raise AssayError(f"the database {path} is damaged ({error})", "restore it from a backup") from error


def _holders(path: Path) -> str:
    """Who else has a file open, as far as this account may see."""
    found = []
    for process in psutil.process_iter(["pid", "name"]):
        with suppress(psutil.Error):
            if process.pid != psutil.Process().pid and any(Path(of.path) == path for of in process.open_files()):
                found.append(f"{process.info['name']}, process {process.pid}")
    return f" ({'; '.join(found)})" if found else ""
