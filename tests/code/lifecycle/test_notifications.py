"""Events reach whoever is to be told, signed, after failures too; nobody waits for them, and none is lost."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.settings import NotifySettings
from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.lifecycle import delivery
from components.lifecycle.delivery import deliver
from components.lifecycle.notifications import notify, notify_changes
from components.problems import find_problem
from tests.code.ledger.ledgers import FACTS
from tests.code.lifecycle.receivers import Receiver
from tests.conftest import SMALL, write_params

EVENT = {"event": "promote", "problem": "galaxy-shape", "version": 3, "stage": "production"}


def wait_until(true: Callable[[], bool], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def workspace_in(folder: Path) -> Workspace:
    return Workspace(root=folder, home=folder / ".assay")


def test_an_event_arrives_signed_though_the_receiver_fails_at_first(
    receiver: Callable[..., Receiver], outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    receiver: Callable[..., Receiver],
    outbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(delivery, "_ATTEMPTS", 1)
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
    receiver: Callable[..., Receiver], outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, one = tmp_path / "told", receiver(1)
    command = ("sh", "-c", f"cat >> {told}; echo >> {told}")
    monkeypatch.setattr(delivery, "_ATTEMPTS", 1)
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


@pytest.mark.parametrize("note", [b"", b"nonsense", b"-7", b"\xff\xfe", b"999999", b"9" * 5000, b"1 " + b"0" * 64])
def test_a_note_of_what_was_told_that_is_of_no_use_is_in_nobodys_way(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: bytes
) -> None:
    """A power cut emptied it, somebody wrote over it, or it is about another ledger; history is no news then."""
    monkeypatch.setattr("components.lifecycle.notifications.subprocess.Popen", lambda *_, **__: None)
    workspace, ledger = workspace_in(tmp_path), open_ledger(workspace_in(tmp_path))
    ledger.move("galaxy-shape", 1, "production", expect=None, **FACTS)
    ledger.move("galaxy-shape", 2, "production", expect=1, **FACTS)
    ledger.move("galaxy-shape", 3, "production", expect=2, **FACTS)
    outbox.mkdir(parents=True)
    (outbox / ".galaxy-shape.told").write_bytes(note)
    for _ in range(2):
        notify_changes(workspace, NotifySettings(command=("true",)), ledger.history("galaxy-shape"))
    (letter,) = outbox.glob("[!.]*.json")
    assert json.loads(letter.read_text())["body"]["version"] == 3


def test_what_a_quicker_process_told_is_not_told_again_by_a_slower_one(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.lifecycle.notifications.subprocess.Popen", lambda *_, **__: None)
    workspace, settings = workspace_in(tmp_path), NotifySettings(command=("true",))
    ledger = open_ledger(workspace)
    ledger.move("galaxy-shape", 1, "production", expect=None, **FACTS)
    slower = ledger.history("galaxy-shape")
    ledger.move("galaxy-shape", 2, "production", expect=1, **FACTS)
    notify_changes(workspace, settings, ledger.history("galaxy-shape"))
    for history in (slower, ledger.history("galaxy-shape")):
        notify_changes(workspace, settings, history)
    assert len(list(outbox.glob("[!.]*.json"))) == 1


def test_an_address_gone_bad_does_not_hide_what_happened(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSAY_NOTIFY_URL_FILE", str(tmp_path / "taken away"))
    notify(workspace_in(tmp_path), NotifySettings(command=None), EVENT)
    assert "nobody was told of it: ASSAY_NOTIFY_URL_FILE" in capsys.readouterr().err
    assert not outbox.exists()


def test_nobody_is_told_where_nobody_is_named(outbox: Path, tmp_path: Path) -> None:
    notify(workspace_in(tmp_path), NotifySettings(command=None), EVENT)
    assert not outbox.exists()


def test_a_full_outbox_changes_nothing_of_what_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".assay").write_text("a file where the folder should be")
    notify(workspace_in(tmp_path), NotifySettings(command=("true",)), EVENT)
    assert "the outbox cannot be written" in capsys.readouterr().err


def test_nothing_is_lost_when_the_address_is_taken_away(
    receiver: Callable[..., Receiver],
    outbox: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(delivery, "_ATTEMPTS", 1)
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
