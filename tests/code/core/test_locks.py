"""Locks that machines share: one holder at a time, whatever becomes of processes, sessions and the server."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from components.core import locks
from components.core.errors import AssayError
from components.core.locks import DatabaseLock, require_held
from components.core.postgresql import check_postgresql, connect, shown_address
from components.core.workspace import Workspace
from components.ledger.database import LedgerDatabase
from tests.conftest import HOUSE
from tests.databases import POSTGRESQL, new_database

NAME = "galaxy-shape.lock"
HOLDER = """
import sys
from components.core.locks import DatabaseLock
with DatabaseLock(sys.argv[1], sys.argv[2], timeout_s=0, again=False):
    print("has it", flush=True)
    sys.stdin.read()
"""

needs_postgresql = pytest.mark.skipif(POSTGRESQL is None, reason="no PostgreSQL: run it by tests/postgresql.sh")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with new_database("postgresql", tmp_path) as found:
        yield found


@pytest.fixture
def holder(url: str) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Start processes that hold the lock when this returns."""
    children = []

    def start() -> "subprocess.Popen[str]":
        child = subprocess.Popen([sys.executable, "-c", HOLDER, url, NAME], cwd=HOUSE, stdin=-1, stdout=-1, text=True)
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "has it\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def lock(url: str, *, timeout_s: float = 0, again: bool = False, name: str = NAME) -> DatabaseLock:
    return DatabaseLock(url, name, timeout_s=timeout_s, again=again)


def end_sessions(url: str) -> None:
    """As a restart of the server does to all who are connected to the database."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@needs_postgresql
def test_one_process_holds_it_until_it_ends_or_is_killed(
    url: str, holder: Callable[[], "subprocess.Popen[str]"]
) -> None:
    child = holder()
    with pytest.raises(Timeout) as busy, lock(url):
        pass
    assert NAME in busy.value.lock_file
    with lock(url, name="point-sources.lock"):  # another problem is another lock
        pass
    child.kill()
    with lock(url, timeout_s=30):
        pass
    with lock(url):  # at once after it was given back
        pass


@needs_postgresql
def test_another_database_of_the_server_is_another_house(url: str, tmp_path: Path) -> None:
    with new_database("postgresql", tmp_path) as other, lock(url), lock(other):
        pass


@needs_postgresql
def test_the_thread_that_has_it_may_take_it_again_where_that_is_said_and_no_other_may(url: str) -> None:
    refused = []

    def elsewhere() -> None:
        try:
            with lock(url, again=True):
                pass
        except Timeout as error:
            refused.append(error)

    with lock(url, again=True), lock(url, again=True):
        with pytest.raises(Timeout), lock(url):
            pass
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(refused) == 1
    with lock(url):
        pass


@needs_postgresql
def test_a_session_that_the_server_ended_is_replaced_and_the_lock_is_held_again(url: str) -> None:
    with lock(url):
        end_sessions(url)
        require_held()
        with pytest.raises(Timeout), lock(url):
            pass


@needs_postgresql
def test_a_session_that_the_server_believes_to_be_alive_does_not_keep_us_from_our_own_lock(url: str) -> None:
    """As after a network that was gone: we know that the connection is lost, and the server does not yet."""
    with lock(url):
        (held,) = locks._HELD.values()
        lost, held._connection = held._connection, connect(url)
        held._connection.close()
        require_held()
        lost.close()
        with pytest.raises(Timeout), lock(url):
            pass


@needs_postgresql
def test_what_another_took_meanwhile_is_lost_and_nothing_more_is_written(
    url: str, holder: Callable[[], "subprocess.Popen[str]"]
) -> None:
    ledger = LedgerDatabase(url, patience_s=10)
    ledger.create()

    def work() -> None:
        with lock(url):
            (held,) = locks._HELD.values()
            held._connection.close()
            holder()
            with pytest.raises(AssayError, match="nothing more is written"):
                ledger.append([])
            with pytest.raises(AssayError, match="nothing more is written"):
                lock(url, name="something else").__enter__()

    with pytest.raises(AssayError, match=rf"another process took the lock {NAME}"):
        work()


@needs_postgresql
def test_work_under_a_lock_that_was_lost_is_interrupted(
    url: str, holder: Callable[[], "subprocess.Popen[str]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_LOOK_EVERY_S", 3.0)

    def work() -> None:
        with lock(url):
            (held,) = locks._HELD.values()
            held._connection.close()
            holder()
            for _ in range(600):  # what a training would go on with
                time.sleep(0.1)
        pytest.fail("it went on")

    with pytest.raises(AssayError, match=rf"another process took the lock {NAME}"):
        work()


@needs_postgresql
def test_what_keeps_a_database_from_being_used_is_said_without_the_password(url: str) -> None:
    check_postgresql(url)
    for wrong, said in ((f"{url}x", "does not exist"), (url.replace("postgres@", "nobody:s3cret@"), "nobody")):
        with pytest.raises(AssayError, match=said) as refused:
            check_postgresql(wrong)
        assert "s3cret" not in str(refused.value)
        assert "\n" not in str(refused.value)


def test_an_address_where_nothing_answers_is_said_so_in_a_line() -> None:
    pytest.importorskip("psycopg2", reason="psycopg2 comes with assay[cluster]")
    with pytest.raises(AssayError, match=r"PostgreSQL at postgresql\+psycopg2://127\.0\.0\.1:9/assay .*refused") as no:
        check_postgresql("postgresql+psycopg2://ada:s3cret@127.0.0.1:9/assay?application_name=x")
    assert "s3cret" not in str(no.value)
    assert "\n" not in str(no.value)
    assert shown_address("postgresql://ada:s3cret@db/assay?password=s3cret") == "postgresql://db/assay"


def test_without_a_cluster_locks_are_files_of_the_state_folder(workspace: Workspace) -> None:
    with workspace.shared_lock("galaxy-shape.lock", timeout_s=0) as held:
        assert isinstance(held, FileLock)
        assert Path(held.lock_file) == workspace.home / "locks" / "galaxy-shape.lock"
        with pytest.raises(Timeout), workspace.shared_lock("galaxy-shape.lock", timeout_s=0):
            pass
    with workspace.lock("galaxy-shape"), workspace.lock("galaxy-shape"):
        require_held()
