"""Tell somebody about stage changes, refused promotions, failed retrainings: by a command, an HTTPS address, or both.

    notify(workspace, settings, {"event": "refused", "problem": "galaxy-shape", "version": 3, …})
    notify_changes(workspace, settings, ledger.history("galaxy-shape"))

The event is first written to `outbox/` in the state folder; a process of its own delivers it with retries, by
`delivery.py`, so that nobody waits for a slow receiver and nothing is lost when one is down: what could not be
delivered goes with the next event, and is set aside in `outbox/undelivered/` after a week. A receiver may get an event
twice, and tells by its `id`; which stage change is the later, it tells by the ledger's `sequence`. The address is a
secret, ASSAY_NOTIFY_URL (`components/core/secrets.py`): it is written down nowhere, and logs have its host alone. With
ASSAY_NOTIFY_SECRET set, the header `X-Assay-Signature: sha256=…` is the HMAC-SHA256 of the body.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from components.core import HOUSE, AssayError, NotifySettings, Workspace, notify_url
from components.ledger import Entry
from components.lifecycle.letters import Letter, To, new_body, write_letter

_TOLD = re.compile(r"(\d{1,18})(?: ([0-9a-f]{64}))?")
"""Number of the last entry that was told of, and the digest of the ledger's first; older notes are without that."""


def notify(workspace: Workspace, settings: NotifySettings, event: Mapping[str, Any]) -> None:
    """Hand an event over for delivery; returns at once, and does nothing where nobody is to be told.

    Args:
        workspace: whose outbox.
        settings: who is told.
        event: JSON-able facts.
    """
    with _never_in_the_way():
        if _somebody(settings):
            _write(workspace, settings, event)
            _start_delivery(workspace)


def notify_changes(workspace: Workspace, settings: NotifySettings, history: Sequence[Entry]) -> None:
    """Hand over every stage change since the last that was; to somebody who was never told any, the newest only.

    Args:
        workspace: whose outbox.
        settings: who is told.
        history: all entries of a problem, oldest first.
    """
    changes = [entry for entry in history if entry.action != "replaced"]
    with _never_in_the_way():
        if not (changes and _somebody(settings)):
            return
        told = _outbox(workspace) / f".{changes[-1].problem}.told"
        with FileLock(told.with_suffix(".lock")):
            last = _last_told(told, history)
            news = [entry for entry in changes if entry.sequence > last]
            for entry in news:
                _write(workspace, settings, _event(entry))
                partial = told.with_suffix(".partial")
                partial.write_text(f"{entry.sequence} {history[0].digest}", encoding="utf-8")
                partial.replace(told)
        if news:
            _start_delivery(workspace)


def _last_told(told: Path, history: Sequence[Entry]) -> int:
    """The number of the last entry that was told of; the last but one when there is no note, or it is of no use.

    That is one that a power cut emptied or somebody wrote over, and one about another ledger. A number that this ledger
    has not got to is that of a process that read it later than we did.
    """
    newest = next(entry.sequence for entry in reversed(history) if entry.action != "replaced")
    if not told.exists():
        return newest - 1
    found = _TOLD.fullmatch(told.read_bytes().decode(errors="replace").strip())
    of_this = found and (int(found[1]) <= newest if found[2] is None else found[2] == history[0].digest)
    return int(found[1]) if found and of_this else newest - 1


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
    """What happened has happened: a full outbox or a bad address must not undo it, or hide why it was refused."""
    try:
        yield
    except OSError as error:
        print(f"nobody was told of it: the outbox cannot be written ({error})", file=sys.stderr)
    except AssayError as error:
        print(f"nobody was told of it: {error}", file=sys.stderr)


def _outbox(workspace: Workspace) -> Path:
    outbox = workspace.home / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    return outbox


def _write(workspace: Workspace, settings: NotifySettings, event: Mapping[str, Any]) -> None:
    command = None if settings.command is None else list(settings.command)
    letter = Letter(to=To(command=command, url=notify_url() is not None), body=new_body(dict(event)))
    write_letter(_outbox(workspace), letter)


def _start_delivery(workspace: Workspace) -> None:
    log = workspace.home / "logs" / "notifications.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        # In a session of its own: it may outlive the command that had something to tell.
        subprocess.Popen(
            [sys.executable, "-m", "components.lifecycle.delivery", str(_outbox(workspace))],
            cwd=HOUSE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
