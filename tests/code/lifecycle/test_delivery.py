"""One letter that is none, one receiver that is down, one event that nobody takes: none of them is in others' way."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.house import HOUSE
from components.lifecycle import delivery
from components.lifecycle.delivery import deliver
from tests.code.lifecycle.receivers import Receiver

DAY_NS = 24 * 3600 * 10**9


def put(outbox: Path, number: int, *, command: Any = None, url: bool = False, days: float = 0) -> Path:
    """A letter as `notify` writes it, some days ago."""
    outbox.mkdir(parents=True, exist_ok=True)
    path = outbox / f"{time.time_ns() - int(days * DAY_NS):020}-{number:032}.json"
    body = {"id": f"{number:032}", "event": "promote", "version": number}
    path.write_text(json.dumps({"to": {"command": command, "url": url}, "body": body}))
    return path


def waiting(outbox: Path) -> list[str]:
    return sorted(path.name for path in outbox.glob("[!.]*") if path.name != "undelivered")


def appending(path: Path) -> list[str]:
    """A command that is told by a line of a file."""
    return ["sh", "-c", f"cat >> {path}; echo >> {path}"]


def lines(path: Path) -> list[int]:
    return [json.loads(line)["version"] for line in path.read_text().splitlines()] if path.exists() else []


BAD = {
    "a list": b"[]",
    "a number": b"3",
    "nothing": b"null",
    "no JSON": b'{"to": ',
    "other keys": b'{"who": {}, "body": {}}',
    "keys too many": b'{"to": {"command": null, "url": true}, "body": {}, "cc": []}',
    "to nobody": b'{"to": null, "body": {}}',
    "to a list": b'{"to": ["x"], "body": {}}',
    "a body that is a text": b'{"to": {"command": null, "url": true}, "body": "x"}',
    "a command that is a text": b'{"to": {"command": "true", "url": false}, "body": {}}',
    "a command of numbers": b'{"to": {"command": [1], "url": false}, "body": {}}',
    "an address in it": b'{"to": {"command": null, "url": "https://example.org"}, "body": {}}',
    "an encoding of its own": '{"to": {"command": null, "url": true}, "body": {}}'.encode("utf-16"),
    "too deep": b"[" * 200_000,
    "a number too long": b'{"to": {"command": null, "url": true}, "body": {"n": ' + b"9" * 5000 + b"}}",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_no_letter_is_set_aside_and_the_others_are_delivered(
    outbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: bytes
) -> None:
    command = appending(tmp_path / "told")
    put(outbox, 1, command=command)
    (outbox / "00-bad.json").write_bytes(bad)
    put(outbox, 2, command=command)
    assert deliver(outbox) == 1
    assert lines(tmp_path / "told") == [1, 2]
    assert waiting(outbox) == ["00-bad.bad"]
    assert (outbox / "00-bad.bad").read_bytes() == bad
    assert "00-bad.json is no letter (" in capsys.readouterr().out
    assert deliver(outbox) == 0
    assert capsys.readouterr().out == ""


def test_a_folder_a_pipe_a_link_to_nothing_and_a_strange_name_are_set_aside_like_letters(
    outbox: Path, tmp_path: Path
) -> None:
    command = appending(tmp_path / "told")
    put(outbox, 1, command=command)
    for again in (False, True):  # the second time the names for what is set aside are taken
        (outbox / "a.json").mkdir()
        (outbox / "a.json" / "inside").touch()
        os.mkfifo(outbox / "b.json")
        (outbox / "c.json").symlink_to(outbox / "nothing")
        (outbox / os.fsdecode(b"\xff.json")).touch()
        assert deliver(outbox) == 4
        assert len(waiting(outbox)) == (8 if again else 4)
    assert not list(outbox.glob("*.json"))
    assert lines(tmp_path / "told") == [1]


def test_a_file_that_cannot_be_read_is_set_aside(outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = appending(tmp_path / "told")
    broken = put(outbox, 1, command=command)
    put(outbox, 2, command=command)
    read = Path.read_text

    def failing(path: Path, *arguments: Any, **more: Any) -> str:
        if path == broken:
            raise OSError(5, "Input/output error", str(path))
        return read(path, *arguments, **more)

    monkeypatch.setattr(Path, "read_text", failing)
    assert deliver(outbox) == 1
    monkeypatch.undo()
    assert lines(tmp_path / "told") == [2]
    assert waiting(outbox) == [broken.with_suffix(".bad").name]


def test_a_receiver_that_is_down_is_tried_for_one_letter_a_round_and_gets_all_in_order_later(
    receiver: Callable[..., Receiver], outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "wait_exponential", lambda **_: 0)
    down = receiver(4)
    monkeypatch.setenv("ASSAY_NOTIFY_URL", down.url)
    for number in range(1, 6):
        put(outbox, number, command=appending(tmp_path / "told"), url=True)
    assert deliver(outbox) == 5
    assert down.asked == 4
    assert lines(tmp_path / "told") == [1, 2, 3, 4, 5]  # who is well is told all the same
    assert deliver(outbox) == 0
    assert [json.loads(body)["version"] for body, _ in down.got] == [1, 2, 3, 4, 5]
    assert lines(tmp_path / "told") == [1, 2, 3, 4, 5]


def test_a_command_that_fails_is_in_the_way_of_no_other_command_and_no_address(
    receiver: Callable[..., Receiver], outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_ATTEMPTS", 1)
    one = receiver()
    monkeypatch.setenv("ASSAY_NOTIFY_URL", one.url)
    failing = ["sh", "-c", f"echo tried >> {tmp_path / 'tried'}; exit 3"]
    put(outbox, 1, command=failing, url=True)
    put(outbox, 2, command=failing)
    put(outbox, 3, command=appending(tmp_path / "told"))
    put(outbox, 4, command=["a\0b"])
    put(outbox, 5, command=["no such program"])
    assert deliver(outbox) == 4
    assert (tmp_path / "tried").read_text() == "tried\n"
    assert lines(tmp_path / "told") == [3]
    assert [json.loads(body)["version"] for body, _ in one.got] == [1]


def test_an_event_that_its_receiver_rejects_is_not_in_the_way_of_the_next(
    receiver: Callable[..., Receiver], outbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = receiver(rejects=lambda event: event["version"] == 1)
    monkeypatch.setenv("ASSAY_NOTIFY_URL", one.url)
    rejected = put(outbox, 1, url=True)
    put(outbox, 2, url=True)
    assert deliver(outbox) == 1
    assert one.asked == 2  # asked again at once, it would say the same
    assert waiting(outbox) == [rejected.name]


def test_what_nobody_took_for_a_week_is_set_aside_and_tried_no_more(
    receiver: Callable[..., Receiver],
    outbox: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(delivery, "_ATTEMPTS", 1)
    down = receiver(float("inf"))
    monkeypatch.setenv("ASSAY_NOTIFY_URL", f"{down.url}/s3cret")
    old, older = put(outbox, 2, url=True, days=7.1), put(outbox, 1, url=True, days=9)
    young, ahead = put(outbox, 3, url=True, days=6.9), put(outbox, 4, url=True, days=-3000)
    assert deliver(outbox) == 4
    said = capsys.readouterr().out
    for path in (older, old, ahead):
        assert f"{path.name} could not be delivered for 7 days" in said
    assert "s3cret" not in said
    assert waiting(outbox) == [young.name]
    assert sorted(path.name for path in (outbox / "undelivered").iterdir()) == [older.name, old.name, ahead.name]
    asked = down.asked
    assert deliver(outbox) == 1
    assert down.asked == asked + 1
    (outbox / "undelivered" / old.name).rename(old)
    monkeypatch.setenv("ASSAY_NOTIFY_URL", receiver().url)
    assert deliver(outbox) == 0


def test_a_letter_that_was_late_is_delivered_when_its_receiver_is_back(
    receiver: Callable[..., Receiver], outbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = receiver()
    monkeypatch.setenv("ASSAY_NOTIFY_URL", one.url)
    put(outbox, 1, url=True, days=30)
    assert deliver(outbox) == 0
    assert len(one.got) == 1


def test_a_file_that_cannot_be_moved_is_in_nobodys_way(
    outbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outbox.mkdir(parents=True)
    (outbox / "00-bad.json").write_text("[]")
    put(outbox, 1, command=appending(tmp_path / "told"))

    def failing(path: Path, target: Path) -> Path:
        raise PermissionError(1, "Operation not permitted", str(path), None, str(target))

    monkeypatch.setattr(Path, "rename", failing)
    assert deliver(outbox) == 1
    assert "00-bad.json was not dealt with ([Errno 1] Operation not permitted" in capsys.readouterr().out
    assert lines(tmp_path / "told") == [1]


def test_many_events_at_once_make_one_process_that_delivers_and_one_that_waits(outbox: Path, tmp_path: Path) -> None:
    """With a receiver that is down each would try it again, one after the other."""
    go = tmp_path / "go"
    slow = [
        "sh",
        "-c",
        f"cat >> {tmp_path / 'told'}; echo >> {tmp_path / 'told'}; until [ -e {go} ]; do sleep 0.1; done",
    ]
    put(outbox, 1, command=slow)
    command = [sys.executable, "-m", "components.lifecycle.delivery", str(outbox)]
    processes = [subprocess.Popen(command, cwd=HOUSE)]
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "told").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for number in (2, 3, 4):
            put(outbox, number, command=slow)
            processes.append(subprocess.Popen(command, cwd=HOUSE))
        while len(running := [one for one in processes if one.poll() is None]) > 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert processes[0] in running
        go.touch()
        assert [one.wait(60) for one in processes] == [0, 0, 0, 0]
    finally:
        for one in processes:
            one.kill()
            one.wait()
    assert lines(tmp_path / "told") == [1, 2, 3, 4]
    assert waiting(outbox) == []
