"""The Prefect API server of a state folder: started by the first that needs it, ended by the last that leaves.

    with prefect_server(workspace) as url:
        my_flow()

Everyone inside such a block holds a shared lock on ``prefect/users.lock``; a thread in the server waits for the
exclusive one and ends the server when it gets it. The kernel drops the locks of a killed process, so that not
even ``kill -9`` leaves a server behind, and a command that ends first does not take the server from the others.
What the server's own process does stands in `flows/server_process.py`.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import httpx
import psutil
from filelock import FileLock

from components.core import (
    LOCALHOST,
    AssayError,
    Workspace,
    check_port_is_free,
    confined,
    free_port,
    network_mount,
    variable,
    wait_until_answers,
)

DEFAULT_PORT = 4200
_API_URL = "PREFECT_API_URL"
_OTHER_DATABASES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
"""By what Prefect is told of a database that is not the file in its home."""
_PATIENCE_S = 10
"""How long a server may take to end politely; it takes half a second when nothing is under way."""
_ANSWER_S = 30
"""How long a running server may be too busy to answer, on a machine whose cores are all training."""


@dataclass(frozen=True, kw_only=True)
class _Server:
    """What ``prefect/server.json`` says of the running server."""

    pid: int
    created: float
    """Creation time of the process, in seconds since the epoch: a process number alone may be given again."""
    url: str

    def process(self) -> psutil.Process | None:
        """The server's process, or None when it is gone."""
        try:
            process = psutil.Process(self.pid)
            # A server whose parent has not asked for its end yet is a zombie: it is gone all the same.
            if process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            pass
        return None


@contextmanager
def prefect_server(workspace: Workspace, *, port: int = DEFAULT_PORT) -> Iterator[str]:
    """Have a Prefect API server for the length of a block, and PREFECT_API_URL set to it.

    A PREFECT_API_URL that is set already names the server to use (the cluster profile, or an outer block).
    The environment must be active (`Workspace.activate`), so that the database lies in ``workspace.home``.

    Args:
        workspace: whose server it is.
        port: where a new server listens, when that port is free; else on a free one.

    Yields:
        The URL of the API.

    Raises:
        AssayError: when the server does not start or does not answer, or its database would lie on a network mount.
    """
    configured = variable(_API_URL)
    if configured:
        check_prefect(configured)
        yield configured
        return
    folder = workspace.home / "prefect"
    mount = None if any(map(variable, _OTHER_DATABASES)) else network_mount(folder)
    if mount is not None:
        raise AssayError(
            f"Prefect's database would lie in {folder} on a network mount ({mount}), where SQLite's locks do not hold: "
            f"set ASSAY_HOME to a folder on a local disk, or {_API_URL} to a Prefect server"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users.lock").open("a") as users:
        with _gate(workspace):
            # Waits while a server that has no users left is ending; once held, no server ends under us.
            fcntl.flock(users, fcntl.LOCK_SH)
            server = _running(folder) or _start(workspace, port)
        try:
            with _told_to_prefect(server.url):
                yield server.url
        finally:
            with _gate(workspace):
                _leave(users, server)


def _gate(workspace: Workspace) -> FileLock:
    """The lock under which a server is looked for, started and left: one process at a time."""
    folder = workspace.home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "prefect.lock")


def check_prefect(url: str) -> None:
    """See that a Prefect server answers at the address of an API.

    Raises:
        AssayError: when none does.
    """
    try:
        httpx.get(f"{url}/health", timeout=10).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AssayError(
            f"no Prefect server answers at {_API_URL}={url} ({error}): start it, or unset {_API_URL}"
        ) from error


def _running(folder: Path) -> _Server | None:
    try:
        server = _Server(**json.loads((folder / "server.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    deadline = time.monotonic() + _ANSWER_S
    while server.process() is not None:
        try:
            httpx.get(f"{server.url}/health", timeout=5, trust_env=False).raise_for_status()
            return server
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise AssayError(
                    f"the Prefect server at {server.url} does not answer for {_ANSWER_S} s: type `kill {server.pid}`"
                ) from error
            time.sleep(0.5)
    return None


def _start(workspace: Workspace, port: int) -> _Server:
    folder = workspace.home / "prefect"
    log = folder / "server.log"
    while True:
        if not _is_free(port):
            port = free_port()
        url = f"http://{LOCALHOST}:{port}/api"
        with log.open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "flows.server_process", str(port), str(folder / "users.lock")],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
                env=confined(workspace.environment(), "PREFECT_", "PG"),
                start_new_session=True,  # a Ctrl-C is for the flow, which still has to tell the server of its end
            )
        server = _Server(pid=child.pid, created=psutil.Process(child.pid).create_time(), url=url)
        try:
            wait_until_answers(f"{url}/health", child, log=log)
        except AssayError:
            _end(server)
            if _is_free(port):
                raise
        else:
            if _listens(child.pid, port):
                break
            _end(server)
        # Another server took the port while this one was starting: once more, on another port.
    child.returncode = 0  # from now on nobody's child: the last to leave ends it, which may be another process
    partial = folder / ".server.json"
    partial.write_text(json.dumps(asdict(server)) + "\n", encoding="utf-8")
    partial.replace(folder / "server.json")
    return server


def _is_free(port: int) -> bool:
    try:
        check_port_is_free(port)
    except AssayError:
        return False
    return True


def _listens(pid: int, port: int) -> bool:
    connections = psutil.Process(pid).net_connections("tcp")
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)


@contextmanager
def _told_to_prefect(url: str) -> Iterator[None]:
    """Set PREFECT_API_URL for this process and its children, whether or not prefect is imported by now."""
    os.environ[_API_URL] = url
    _refresh_prefect()
    try:
        yield
    finally:
        if "prefect" in sys.modules:
            # Both send from threads of their own; what they still hold would find no server.
            from prefect.events.worker import EventsWorker
            from prefect.logging.handlers import APILogWorker

            EventsWorker.drain_all(timeout=_PATIENCE_S, at_exit=False)
            APILogWorker.drain_all(timeout=_PATIENCE_S, at_exit=False)
        del os.environ[_API_URL]
        _refresh_prefect()


def _refresh_prefect() -> None:
    if "prefect" in sys.modules:  # it reads the environment once, at its import
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def _leave(users: IO[str], server: _Server) -> None:
    """Give up our share of the server, and end it when nobody else has one."""
    # Asking for the exclusive lock gives up our shared one. When neither can be had, the server's own thread was
    # quicker and holds the exclusive one: it is ending.
    if not _lock(users, fcntl.LOCK_EX) and _lock(users, fcntl.LOCK_SH):
        return
    _end(server)


def _lock(file: IO[str], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end(server: _Server) -> None:
    """End the server politely, then for certain, with whatever it started."""
    deadline = time.monotonic() + _PATIENCE_S
    process = server.process()
    if process is not None:
        process.terminate()
    while server.process() is not None:
        if time.monotonic() > deadline:
            os.killpg(server.pid, signal.SIGKILL)  # it leads a process group of its own
        time.sleep(0.05)
    with suppress(ChildProcessError):  # it may be the child of another command
        os.waitpid(server.pid, os.WNOHANG)
