"""Deliver what lies in an outbox, each letter to a command, an HTTPS address, or both: a process of its own.

    python -m components.lifecycle.delivery FOLDER        # started by `components/lifecycle/notifications.py`

Each round goes through the letters, oldest first. A channel, which is the address or one command, that fails a letter
with all its tries is closed for the rest of the round: what else is for it waits, in its order, for the next event. A
letter that has waited for a week is set aside. Neither what is no letter nor a channel that is down is in the way of
the others; the log says what was not delivered and why, without the address.
"""

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from components.core import AssayError, host_of, notify_url, secret
from components.lifecycle.letters import (
    Letter,
    NoLetterError,
    age_s,
    as_bad,
    as_undelivered,
    letters_in,
    read_letter,
    rewrite_letter,
    set_aside,
)

_SECRET = "ASSAY_NOTIFY_SECRET"  # noqa: S105
_ATTEMPTS = 4
_COMMAND_TIMEOUT_S = 60.0
_PATIENCE_S = 300.0
_REQUEST_TIMEOUT_S = 10.0
_KEPT_S = 7 * 24 * 3600.0
"""How long a letter waits: who was away for a weekend or a holiday gets all; older news are told by the ledger."""
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, subprocess.SubprocessError, AssayError, ValueError)
_NOT_THIS_ONE = frozenset({400, 413, 415, 422})
"""What a receiver answers that is well, and takes this very letter no better the next second; others it may take."""

Channel = tuple[str, ...]
"""Who is told: `("url",)`, or `command` and its words."""


def deliver(outbox: Path) -> int:
    """Deliver what lies in an outbox, oldest first; what fails stays there, for a week.

    Returns:
        How many could not be delivered.
    """
    try:
        with _turn(outbox):
            done: dict[Path, bool] = {}
            closed: dict[Channel, str] = {}
            # Looked again until nothing is new: who gave up waiting for its turn relies on it.
            while letters := [path for path in letters_in(outbox) if path not in done]:
                done |= {path: _dealt_with(path, closed) for path in letters}
            for channel, why in closed.items():
                _say(f"{channel[0]} is not tried again before the next event: {why}")
            return list(done.values()).count(False)
    except Timeout:  # another process delivers, and this one's event too
        return 0


@contextmanager
def _turn(outbox: Path) -> Iterator[None]:
    """The right to deliver, which one process has, and one waits for: that one will see what any later one has."""
    working = FileLock(outbox / ".lock", timeout=_PATIENCE_S)
    with FileLock(outbox / ".waiting", timeout=0):
        working.acquire()
    try:
        yield
    finally:
        working.release()


def _dealt_with(path: Path, closed: dict[Channel, str]) -> bool:
    """Deliver one file, or leave or set it aside; nothing about it is in the way of the next.

    Args:
        path: what is called a letter.
        closed: channels that are not tried any more in this round, and why; those that fail are added.

    Returns:
        Whether it was delivered.
    """
    try:
        try:
            letter = read_letter(path)
        except NoLetterError as error:
            _say(f"{path.name} is no letter ({error}): it is set aside as {set_aside(path, as_bad(path)).name}")
            return False
        left, failures = _told(letter, closed)
        if not failures:
            path.unlink()
            return True
        if left != letter:
            rewrite_letter(path, left)  # who was told need not be told again
        _leave(path, failures)
    except OSError as error:
        _say(f"{path.name} was not dealt with ({error}): it is tried again with the next event")
    return False


def _leave(path: Path, failures: list[str]) -> None:
    why = "; ".join(failures)
    if abs(age_s(path)) < _KEPT_S:  # far ahead, of a clock that was wrong, it would wait for ever
        _say(f"{path.name} was not delivered ({why}): it goes with the next event")
        return
    aside = set_aside(path, as_undelivered(path))
    _say(
        f"{path.name} could not be delivered for {_KEPT_S / 86400:g} days ({why}): it is set aside as {aside}; moved "
        f"back to {path.parent} it is tried once more"
    )


def _told(letter: Letter, closed: dict[Channel, str]) -> tuple[Letter, list[str]]:
    """Tell whom a letter is for, each by itself; what is left of it, and why."""
    body, failures, to = json.dumps(letter.body).encode(), [], letter.to
    ways: list[tuple[Channel, Callable[[bytes], None]]] = []
    if to.command:
        ways.append((("command", *to.command), partial(_run, to.command)))
    if to.url:
        ways.append((("url",), _post))
    for channel, send in ways:
        if channel in closed:
            failures.append(f"after another: {closed[channel]}")
            continue
        try:
            _tries()(send, body)
        except _FAILURES as error:
            failures.append(_in_words(error))
            if not _is_about_the_letter(error):
                closed[channel] = failures[-1]
        else:
            to = replace(to, **{channel[0]: None})
    return replace(letter, to=to), failures


def _tries() -> Retrying:
    return Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=0.5, max=8),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )


def _may_pass(error: BaseException) -> bool:
    """Whether it may be gone in seconds: not what a variable says, and not what the letter is."""
    if isinstance(error, AssayError | ValueError) or _is_about_the_letter(error):
        return False
    return isinstance(error, _FAILURES)


def _is_about_the_letter(error: BaseException) -> bool:
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _NOT_THIS_ONE


def _run(command: list[str], body: bytes) -> None:
    subprocess.run(command, input=body, timeout=_COMMAND_TIMEOUT_S, check=True)


def _post(body: bytes) -> None:
    url, key = notify_url(), secret(_SECRET)
    if url is None:
        raise AssayError("ASSAY_NOTIFY_URL is not set any more")
    headers = {"Content-Type": "application/json"}
    if key:
        headers["X-Assay-Signature"] = f"sha256={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}"
    httpx.post(url, content=body, headers=headers, timeout=_REQUEST_TIMEOUT_S).raise_for_status()


def _in_words(error: Exception) -> str:
    """What went wrong, without the address that httpx and the standard library quote."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"{host_of(str(error.request.url))} answered {error.response.status_code}"
    if isinstance(error, httpx.RequestError):
        return f"{host_of(str(error.request.url))}: {type(error).__name__}"
    return type(error).__name__ if isinstance(error, httpx.InvalidURL | ValueError) else str(error)


def _say(line: str) -> None:
    # A file's name need not be UTF-8. At once: this process may be killed while a receiver keeps it waiting.
    shown = line.encode(errors="backslashreplace").decode()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {shown}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise AssayError("python -m components.lifecycle.delivery FOLDER")
    sys.exit(min(deliver(Path(sys.argv[1])), 1))
