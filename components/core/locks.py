"""A lock that one process at a time holds, on all machines that share a PostgreSQL database.

    with DatabaseLock(url, "galaxy-shape.lock", timeout_s=0, again=False):
        …
    require_held()                                  # an AssayError when this process lost a lock that it works under

On one machine it is a file instead (`Workspace.everywhere`). Here it is an advisory lock of a session of its own, which
ends with the process, however that ends. A session can also end by itself: the server is started again, the network is
gone. Then the lock is taken again as soon as the server answers. Where another machine was quicker, the work is
interrupted, and whatever it would still write to the ledger is refused: `require_held` stands before each such write.
So two machines work on one thing for `_LOOK_EVERY_S` at most, and only one of them writes.
"""

import _thread
import hashlib
import os
import threading
import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING

from filelock import Timeout

from components.core.errors import AssayError
from components.core.postgresql import connect, shown_address

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

__label__ = None

_LOOK_EVERY_S = 5.0
"""How soon a lost session is noticed."""
_TRY_EVERY_S = 0.2
"""While another holds the lock; a query that waits in the server would not hear of Ctrl-C."""
_OWN_DEAD = """
SELECT count(pg_terminate_backend(activity.pid)) FROM pg_locks
JOIN pg_stat_activity AS activity USING (pid) JOIN pg_database AS base ON base.oid = pg_locks.database
WHERE locktype = 'advisory' AND ((classid::bigint << 32) | objid::bigint) = %s
AND base.datname = current_database() AND application_name = %s AND activity.pid <> pg_backend_pid()
"""
"""Ends the session that we lost and that the server believes to be alive still: it has our lock."""


class DatabaseLock:
    """One lock; each `with` is a session of its own.

    Args:
        url: of the database.
        name: of what is locked.
        timeout_s: how long to wait for another holder; for ever when it is negative.
        again: whether the thread that holds it may take it once more.
    """

    def __init__(self, url: str, name: str, *, timeout_s: float, again: bool) -> None:
        self._url, self._name, self._timeout_s, self._again = url, name, timeout_s, again

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self._name} in {shown_address(self._url)}"

    def __enter__(self) -> "DatabaseLock":
        """Take it.

        Raises:
            Timeout: when another process, or another thread, holds it for too long.
            AssayError: when the database cannot be used, or this process lost another lock.
        """
        require_held()
        held = _HELD.get((self._url, self._name))
        if self._again and held is not None and held.is_mine:
            held.depth += 1
            return self
        taken = _Session(self._url, self._name)
        try:
            deadline = time.monotonic() + self._timeout_s
            while not taken.try_lock():
                if self._timeout_s >= 0 and time.monotonic() >= deadline:
                    raise Timeout(str(self))
                time.sleep(_TRY_EVERY_S)
        except BaseException:
            taken.close()
            raise
        _HELD[self._url, self._name] = taken
        taken.watch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back.

        Raises:
            AssayError: when it was lost to another process, which is why the block was interrupted.
        """
        held = _HELD[self._url, self._name]
        held.depth -= 1
        if held.depth:
            return
        del _HELD[self._url, self._name]
        held.close()
        if held.lost and not isinstance(error, AssayError):
            raise held.loss() from error


def require_held() -> None:
    """See that this process still has every lock that it works under; nothing is asked where it has none.

    Raises:
        AssayError: when another process has one of them now, or the database does not say.
    """
    for held in list(_HELD.values()):
        held.check()
        if held.lost:
            raise held.loss()


class _Session:
    """A session of the database that holds one lock, or tries to."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._key = int.from_bytes(hashlib.sha256(f"assay {name}".encode()).digest()[:8], "big", signed=True)
        self._known_as = f"assay {uuid.uuid4().hex}"
        self._guard, self._ended = threading.Lock(), threading.Event()  # the watcher and the worker share the session
        self._owner = (os.getpid(), threading.get_ident())
        self._connection: Connection = connect(url, name=self._known_as)
        self.depth, self.lost = 1, False

    @property
    def is_mine(self) -> bool:
        """Whether this thread took it."""
        return self._owner == (os.getpid(), threading.get_ident())

    def loss(self) -> AssayError:
        """What to say once it is lost."""
        return AssayError(
            f"the connection to {shown_address(self._url)} was lost, and another process took the lock {self._name} "
            "meanwhile: nothing more is written by this one; run the command again when that has ended"
        )

    def try_lock(self) -> bool:
        """Take the lock if nobody has it."""
        return bool(self._ask("SELECT pg_try_advisory_lock(%s)", self._key))

    def check(self) -> bool:
        """See that the session is alive, and take the lock again by a new one where it is not.

        Returns:
            Whether it was found now that another process has the lock.

        Raises:
            AssayError: when the database cannot be used.
        """
        import psycopg2

        with self._guard:
            if self.lost or self._ended.is_set():
                return False
            try:
                self._ask("SELECT 1")
                return False
            except psycopg2.Error:
                self._connection.close()
            self._connection = connect(self._url, name=self._known_as)
            if not self.try_lock():
                self._ask(_OWN_DEAD, self._key, self._known_as)
                time.sleep(_TRY_EVERY_S)
                self.lost = not self.try_lock()
            return self.lost

    def watch(self) -> None:
        """Look after it from a thread of its own, and interrupt the process when it is lost."""
        threading.Thread(target=self._watch, name=f"lock {self._name}", daemon=True).start()

    def close(self) -> None:
        """End the session; the lock is free when this returns, or as soon as the server hears of it."""
        import psycopg2

        with self._guard:
            self._ended.set()
            try:
                self._ask("SELECT pg_advisory_unlock(%s)", self._key)
            except psycopg2.Error:  # it is gone, and the lock with it
                pass
            finally:
                self._connection.close()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            try:
                found = self.check()
            except AssayError:
                continue  # it does not answer now: nothing can be written to the ledger, either
            if found:
                _thread.interrupt_main()

    def _ask(self, query: str, *values: object) -> object:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values or None)
            (found,) = cursor.fetchone() or (None,)
        return found


_HELD: dict[tuple[str, str], _Session] = {}
"""What this process holds."""
