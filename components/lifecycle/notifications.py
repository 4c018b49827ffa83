"""Tell somebody about each stage change and each refused promotion: by a command, an HTTPS address, or both.

    notify(workspace, settings, {"event": "refused", "problem": "galaxy-shape", "version": 3, …})
    notify_changes(workspace, settings, ledger.history("galaxy-shape"))
    python -m components.lifecycle.notifications FOLDER        # what a process of its own then does

The event is first written to `outbox/` in the state folder; a process of its own delivers it with retries, so that
nobody waits for a slow receiver and nothing is lost when one is down: what could not be delivered goes with the next
event. A receiver may get an event twice, and tells by its `id`; which stage change is the later, it tells by the
ledger's `sequence`. The address is a secret, ASSAY_NOTIFY_URL (`components/core/secrets.py`): it is written down
nowhere, and logs have its host alone. With ASSAY_NOTIFY_SECRET set, the header `X-Assay-Signature: sha256=…` is the
HMAC-SHA256 of the body.
"""

import hashlib
import hmac
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from filelock import FileLock, Timeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from components.core import HOUSE, AssayError, NotifySettings, Workspace, host_of, notify_url, secret
from components.ledger import Entry

_SECRET = "ASSAY_NOTIFY_SECRET"  # noqa: S105
_ATTEMPTS = 4
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, subprocess.SubprocessError, AssayError)
_COMMAND_TIMEOUT_S = 60.0
_PATIENCE_S = 300.0
_REQUEST_TIMEOUT_S = 10.0


def notify(workspace: Workspace, settings: NotifySettings, event: Mapping[str, Any]) -> None:
    """Hand an event over for delivery; returns at once, and does nothing where nobody is to be told.

    Args:
        workspace: whose outbox.
        settings: who is told.
        event: JSON-able facts.
    """
    if _somebody(settings):
        with _never_in_the_way():
            _write_letter(workspace, settings, event)
            _start_delivery(workspace)


def notify_changes(workspace: Workspace, settings: NotifySettings, history: Sequence[Entry]) -> None:
    """Hand over every stage change since the last that was; to somebody who was never told any, the newest only.

    Args:
        workspace: whose outbox.
        settings: who is told.
        history: all entries of a problem, oldest first.
    """
    changes = [entry for entry in history if entry.action != "replaced"]
    if not (_somebody(settings) and changes):
        return
    with _never_in_the_way():
        told = _outbox(workspace) / f".{changes[-1].problem}.told"
        with FileLock(told.with_suffix(".lock")):
            last = changes[-1].sequence - 1
            with suppress(FileNotFoundError, ValueError):  # a power cut may leave it empty
                last = int(told.read_text(encoding="utf-8"))
            news = [entry for entry in changes if entry.sequence > last]
            for entry in news:
                _write_letter(workspace, settings, _event(entry))
                partial = told.with_suffix(".partial")
                partial.write_text(str(entry.sequence), encoding="utf-8")
                partial.replace(told)
        if news:
            _start_delivery(workspace)


def _event(entry: Entry) -> dict[str, Any]:
    facts = ("sequence", "problem", "version", "actor", "reason", "previous_version", "at")
    # Its id is that of the entry, so that one told of twice is known again.
    return {"id": entry.digest[:32], "event": entry.action, "stage": entry.to_stage} | {
        name: getattr(entry, name) for name in facts
    }


def _somebody(settings: NotifySettings) -> bool:
    return settings.command is not None or notify_url() is not None


@contextmanager
def _never_in_the_way() -> Iterator[None]:
    """What happened has happened: a full outbox must not undo it, or hide why it was refused."""
    try:
        yield
    except OSError as error:
        print(f"nobody was told of it: the outbox cannot be written ({error})", file=sys.stderr)


def _outbox(workspace: Workspace) -> Path:
    outbox = workspace.home / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    return outbox


def _write_letter(workspace: Workspace, settings: NotifySettings, event: Mapping[str, Any]) -> None:
    outbox = _outbox(workspace)
    body = {"id": uuid.uuid4().hex, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **event}
    letter = {"to": {"command": settings.command, "url": notify_url() is not None}, "body": body}
    name = f"{time.time_ns():020}-{body['id']}.json"  # in nanoseconds: two of one millisecond keep their order
    partial = outbox / f".{name}"
    partial.write_text(json.dumps(letter), encoding="utf-8")
    partial.replace(outbox / name)


def _start_delivery(workspace: Workspace) -> None:
    log = workspace.home / "logs" / "notifications.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        # In a session of its own: it may outlive the command that had something to tell.
        subprocess.Popen(
            [sys.executable, "-m", "components.lifecycle.notifications", str(_outbox(workspace))],
            cwd=HOUSE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def deliver(outbox: Path) -> int:
    """Deliver what lies in an outbox, oldest first; what fails stays there.

    Returns:
        How many could not be delivered.
    """
    try:
        with FileLock(outbox / ".lock", timeout=_PATIENCE_S):
            tried: dict[Path, bool] = {}
            # Looked again until nothing is new: who gave up waiting for the lock relies on it.
            while letters := [path for path in sorted(outbox.glob("[!.]*.json")) if path not in tried]:
                tried |= {path: _delivered(path) for path in letters}
            return list(tried.values()).count(False)
    except Timeout:  # another process delivers, and this one's event too
        return 0


def _delivered(path: Path) -> bool:
    try:
        letter = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        print(f"{path.name} is no letter ({error}): it is set aside")
        path.rename(path.with_suffix(".bad"))
        return False
    body = json.dumps(letter["body"]).encode()
    tries = Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=0.5, max=8),
        retry=retry_if_exception_type(_FAILURES),
        reraise=True,
    )
    try:
        for channel, send in (("command", partial(_run, letter["to"]["command"])), ("url", _post)):
            if letter["to"][channel]:
                tries(send, body)
                letter["to"][channel] = None  # a second try need not tell this one again
    except _FAILURES as error:
        unfinished = path.with_name(f".{path.name}")
        unfinished.write_text(json.dumps(letter), encoding="utf-8")
        unfinished.replace(path)
        print(f"{path.name} was not delivered ({_in_words(error)}): it goes with the next event")
        return False
    path.unlink()
    return True


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
    """What went wrong, without the address that httpx quotes whole."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"{host_of(str(error.request.url))} answered {error.response.status_code}"
    if isinstance(error, httpx.RequestError):
        return f"{host_of(str(error.request.url))}: {type(error).__name__}"
    return type(error).__name__ if isinstance(error, httpx.InvalidURL) else str(error)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise AssayError("python -m components.lifecycle.notifications FOLDER")
    sys.exit(min(deliver(Path(sys.argv[1])), 1))
