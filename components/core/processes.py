"""Child processes that never outlive their parent, and free ports for them."""

import ctypes
import errno
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from components.core.errors import AssayError

__label__ = None

_PR_SET_PDEATHSIG = 1
LOCALHOST = "127.0.0.1"
_PORTS = (20_000, 32_000)
"""Below those that Linux gives to outgoing connections (32,768 to 60,999)."""


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, even by SIGKILL (Linux; elsewhere a no-op)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def running(
    command: Sequence[str], *, log: Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server as a child process, its output in ``log``, ended with its own children when the block ends.

    Args:
        command: what is started.
        log: where its output goes.
        cwd: its folder.
        environment: all of its variables; this process's own by default.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        yield child
    finally:
        stop(child)


def stop(child: subprocess.Popen[bytes], *, patience_s: float = 10) -> None:
    """End a child and whatever it started: politely, then for certain."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until_answers(url: str, child: subprocess.Popen[bytes], *, log: Path, timeout_s: float = 120) -> None:
    """Wait until ``url`` answers 200.

    Raises:
        AssayError: when the child ends first or the time is over; the log is named.
    """
    tries = Retrying(
        wait=wait_fixed(0.1), stop=stop_after_delay(timeout_s), retry=retry_if_exception_type(httpx.HTTPError)
    )
    try:
        with httpx.Client(timeout=5, trust_env=False) as client:  # no proxy stands before this machine
            for attempt in tries:
                if child.poll() is not None:
                    raise AssayError(f"the server ended with status {child.returncode} before it answered: see {log}")
                with attempt:
                    client.get(url).raise_for_status()
    except RetryError as error:
        raise AssayError(f"{url} does not answer after {timeout_s:g} s: see {log}") from error


def free_port() -> int:
    """A port that nothing listens on now.

    Not one that the system would give: it gives the same to outgoing connections, which then are in a server's way.
    """
    for port in random.SystemRandom().sample(range(*_PORTS), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOCALHOST, port))
            return port
    raise AssayError(f"none of 100 ports from {_PORTS[0]} to {_PORTS[1] - 1} is free: end some servers")


def check_port_is_free(port: int, host: str = LOCALHOST) -> None:
    """Raise an AssayError when something already listens on the port, or the address is not this machine's."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise AssayError(
                    f"--host {host} cannot be listened on ({error.strerror or error}): name an address of this machine"
                ) from error
            raise AssayError(
                f"port {port} is in use ({error.strerror}): free it, or choose another with --port"
            ) from error
