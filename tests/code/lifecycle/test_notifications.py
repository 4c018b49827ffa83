"""Events reach whoever is to be told, signed, after failures too; nobody waits for them, and none is lost."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.settings import NotifySettings
from components.core.workspace import Workspace
from components.ledger.ledger import open_ledger
from components.lifecycle import notifications
from components.lifecycle.notifications import deliver, notify, notify_changes
from components.problems import find_problem
from tests.code.ledger.ledgers import FACTS
from tests.conftest import SMALL, write_params

EVENT = {"event": "promote", "problem": "galaxy-shape", "version": 3, "stage": "production"}


class Receiver:
    """A server on this machine that fails as often as it is told to, and answers nobody while it is not `open`."""

    def __init__(self, failures: int = 0) -> None:
        self.got: list[tuple[bytes, str | None]] = []
        self.open = Event()
        self.open.set()
        receiver, left = self, [failures]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.open.wait()
                failed = left[0] > 0
                left[0] -= 1
                if not failed:
                    receiver.got.append((body, self.headers["X-Assay-Signature"]))
                self.send_response(500 if failed else 204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Callable[[int], Receiver]]:
    made: list[Receiver] = []

    def make(failures: int = 0) -> Receiver:
        made.append(Receiver(failures))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / ".assay" / "outbox"


def wait_until(true: Callable[[], bool], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def workspace_in(folder: Path) -> Workspace:
    return Workspace(root=folder, home=folder / ".assay")


def test_an_event_arrives_signed_though_the_receiver_fails_at_first(
    receiver: Callable[[int], Receiver], outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_NOTIFY_SECRET", "s3cret")
    one = receiver(2)
    one.open.clear()
    monkeypatch.setenv("ASSAY_NOTIFY_URL", one.url)
    notify(workspace_in(tmp_path), NotifySettings(command=None), EVENT)
    one.open.set()  # only now: whoever waited for the delivery would have given up
    wait_until(lambda: bool(one.got))
    ((body, signature),) = one.got
    assert json.loads(body).items() >= EVENT.items()
    assert signature == f"sha256={hmac.new(b's3cret', body, hashlib.sha256).hexdigest()}"
    wait_until(lambda: not list(outbox.glob("*.json")))


def test_what_could_not_be_delivered_goes_with_the_next_event(
    receiver: Callable[[int], Receiver],
    outbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(notifications, "_ATTEMPTS", 1)
    monkeypatch.setattr(
        "components.lifecycle.notifications.subprocess.Popen", lambda *_, **__: None
    )  # delivered by hand here
    one, workspace = receiver(1), workspace_in(tmp_path)
    settings = NotifySettings(command=None)
    monkeypatch.setenv("ASSAY_NOTIFY_URL", f"{one.url}/s3cret?token=s3cret")
    notify(workspace, settings, EVENT)
    assert "s3cret" not in "".join(path.read_text() for path in outbox.iterdir() if path.suffix == ".json")
    assert deliver(outbox) == 1
    said = capsys.readouterr().out
    assert "(http://127.0.0.1 answered 500)" in said
    assert "s3cret" not in said
    notify(workspace, settings, EVENT | {"version": 4})
    (outbox / "0-cut-short.json").write_text('{"to": ')
    assert deliver(outbox) == 1  # the one that is no letter
    assert [json.loads(body)["version"] for body, _ in one.got] == [3, 4]
    assert [path.name for path in outbox.iterdir() if not path.name.startswith(".")] == ["0-cut-short.bad"]
    assert deliver(outbox) == 0


def test_a_channel_that_was_told_is_not_told_again(
    receiver: Callable[[int], Receiver], outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, one = tmp_path / "told", receiver(1)
    command = ("sh", "-c", f"cat >> {told}; echo >> {told}")
    monkeypatch.setattr(notifications, "_ATTEMPTS", 1)
    monkeypatch.setenv("ASSAY_NOTIFY_URL", one.url)
    letter = {"to": {"command": list(command), "url": True}, "body": {"id": "1", **EVENT}}
    outbox.mkdir(parents=True)
    (outbox / "1.json").write_text(json.dumps(letter))
    assert deliver(outbox) == 1
    assert deliver(outbox) == 0
    assert len(told.read_text().splitlines()) == len(one.got) == 1


def test_a_change_that_a_killed_process_told_nobody_of_is_told_with_the_next(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.lifecycle.notifications.subprocess.Popen", lambda *_, **__: None)
    workspace, settings = workspace_in(tmp_path), NotifySettings(command=("true",))
    ledger = open_ledger(workspace)

    def told() -> list[tuple[int, str]]:
        notify_changes(workspace, settings, ledger.history("galaxy-shape"))
        letters = [json.loads(path.read_text())["body"] for path in sorted(outbox.glob("[!.]*.json"))]
        assert len({letter["id"] for letter in letters}) == len(letters)
        assert [letter["sequence"] for letter in letters] == sorted(letter["sequence"] for letter in letters)
        return [(letter["version"], letter["event"]) for letter in letters]

    ledger.move("galaxy-shape", 1, "production", expect=None, **FACTS)
    ledger.move("galaxy-shape", 2, "production", expect=1, **FACTS)
    assert told() == [(2, "promote")]  # history is no news
    ledger.move("galaxy-shape", 3, "production", expect=2, **FACTS)  # and killed
    ledger.move("galaxy-shape", 2, "production", expect=3, **FACTS | {"action": "rollback"})
    assert told() == told() == [(2, "promote"), (3, "promote"), (2, "rollback")]


def test_a_note_of_what_was_told_that_a_power_cut_emptied_is_in_nobodys_way(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.lifecycle.notifications.subprocess.Popen", lambda *_, **__: None)
    workspace, ledger = workspace_in(tmp_path), open_ledger(workspace_in(tmp_path))
    ledger.move("galaxy-shape", 1, "production", expect=None, **FACTS)
    outbox.mkdir(parents=True)
    (outbox / ".galaxy-shape.told").write_text("")
    for _ in range(2):
        notify_changes(workspace, NotifySettings(command=("true",)), ledger.history("galaxy-shape"))
    assert len(list(outbox.glob("[!.]*.json"))) == 1


def test_nobody_is_told_where_nobody_is_named(outbox: Path, tmp_path: Path) -> None:
    notify(workspace_in(tmp_path), NotifySettings(command=None), EVENT)
    assert not outbox.exists()


def test_a_full_outbox_changes_nothing_of_what_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".assay").write_text("a file where the folder should be")
    notify(workspace_in(tmp_path), NotifySettings(command=("true",)), EVENT)
    assert "the outbox cannot be written" in capsys.readouterr().err


def test_nothing_is_lost_when_the_address_is_taken_away(
    receiver: Callable[[int], Receiver],
    outbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(notifications, "_ATTEMPTS", 1)
    monkeypatch.setattr("components.lifecycle.notifications.subprocess.Popen", lambda *_, **__: None)
    one = receiver(0)
    monkeypatch.setenv("ASSAY_NOTIFY_URL", one.url)
    notify(workspace_in(tmp_path), NotifySettings(command=None), EVENT)
    monkeypatch.delenv("ASSAY_NOTIFY_URL")
    assert deliver(outbox) == 1
    assert "ASSAY_NOTIFY_URL is not set any more" in capsys.readouterr().out
    monkeypatch.setenv("ASSAY_NOTIFY_URL", one.url)
    assert deliver(outbox) == 0
    assert len(one.got) == 1


def test_an_address_in_params_is_refused(tmp_path: Path) -> None:
    """It would be committed."""
    write_params(tmp_path, SMALL | {"notify": {"url": "https://example.org/s3cret"}})
    with pytest.raises(AssayError, match="url"):
        load_settings(tmp_path / "params.yaml", "galaxy-shape", find_problem("galaxy-shape").settings)
