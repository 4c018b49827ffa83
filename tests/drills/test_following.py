"""A server follows its stage: it notices a rollback, says what it cannot do, and is named by who changes the stage."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from components.core.errors import AssayError, RefusedError
from components.core.processes import free_port, running, wait_until_answers
from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.ledger.servers import Server, Servers
from components.packages.files import Package
from flows import following
from tests.drills.commands import assay_here, environment
from tests.drills.houses import NAME, promotion_of
from tests.drills.test_two_clones import answers_with


@contextmanager
def serving(house: Workspace) -> Iterator[tuple[str, Path]]:
    """`assay serve` as a process of its own: its address and what it says."""
    port, log = free_port(), house.root.parent / "serve.log"
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "assay", "serve", NAME, "--port", str(port)]
    with running(command, log=log, cwd=house.root, environment=environment(house)) as child:
        wait_until_answers(f"{url}/readyz", child, log=log)
        yield url, log


def one_image(url: str) -> str:
    """Ask about one: the id of its answer."""
    example = httpx.get(f"{url}/example.json", trust_env=False).json()
    answer = httpx.post(f"{url}/predict", json=example, trust_env=False, timeout=60).raise_for_status()
    return str(answer.json()["predictions"][0]["id"])


def wait_for(version: int, url: str, log: Path) -> None:
    wait_until(lambda: answers_with(url) == version, log)


def wait_until(seen: Callable[[], bool], log: Path, *, timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while not seen():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.mark.house("succeeded")
@pytest.mark.timeout(600)
def test_a_server_answers_with_the_version_that_was_rolled_back_to(house: Workspace) -> None:
    with serving(house) as (url, log):
        assert answers_with(url) == 3
        asked = [one_image(url)]
        done = assay_here(house, "rollback", NAME, "--reason", "it drifts")
        assert done.returncode == 0, done.stderr
        assert f"has not followed yet: {url} on " in done.stderr
        news = "production of galaxy-shape is version 2 since"
        wait_until(lambda: news in log.read_text(), log, timeout_s=10)  # a look every second, on a busy machine
        wait_for(2, url, log)
        assert open_ledger(house).servers.behind(NAME, "production", "") != []
        # While the ledger cannot be read, it goes on with what it has, and says so.
        (house.home / "assay.db").rename(house.home / "away.db")
        (house.home / "assay.db").write_text("no database at all" * 100)
        wait_until(lambda: "goes on answering" in log.read_text(), log, timeout_s=60)
        assert answers_with(url) == 2
        (house.home / "away.db").replace(house.home / "assay.db")
        assert assay_here(house, "rollback", NAME, "--reason", "again", "--expect", "2").returncode == 0
        wait_for(1, url, log)
        wait_until(lambda: log.read_text().count("answers at") == 3, log)  # its parent knows, too
        asked.append(one_image(url))
    assert open_ledger(house).servers.behind(NAME, "production", "") == [], "one that has ended is named no more"
    # Of each version what somebody asked, and not the golden inputs that it was asked about at its start.
    records = pd.read_parquet(house.home / "records" / NAME)
    assert (records["id"].tolist(), records["version"].tolist()) == (asked, [3, 1])


@pytest.mark.house("succeeded")
def test_a_change_while_the_server_starts_is_followed_as_well(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks for as long as a start takes; nor does a ledger that is away at that moment end the server."""
    promotion_of(house)
    served: list[str] = []

    @contextmanager
    def slowly(_: Workspace, package: Package, **__: object) -> Iterator[str]:
        served.append(package.tag)
        if len(served) == 1:
            assert assay_here(house, "rollback", NAME, "--reason", "it drifts").returncode == 0
        else:
            raise KeyboardInterrupt
        yield "http://127.0.0.1:1"

    monkeypatch.setattr(following, "served", slowly)
    for asked in ("is_alive", "replay"):  # nothing is served here
        monkeypatch.setattr(following, asked, lambda *_, **__: True)
    register, away = Servers.register, iter([AssayError("the ledger is away")])

    def when_it_is_there(servers: Servers, server: Server) -> None:
        for error in away:  # the first time
            raise error
        register(servers, server)

    monkeypatch.setattr(Servers, "register", when_it_is_there)
    with pytest.raises(KeyboardInterrupt):
        following.follow(house, NAME, "production", port=free_port(), settings=promotion_of(house).settings)
    assert [tag.split(":v")[1].split("-")[0] for tag in served] == ["3", "2"]
    assert open_ledger(house).behind(NAME) == []


@pytest.mark.house("succeeded")
def test_a_package_that_does_not_answer_as_recorded_gets_no_requests(
    house: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is started and stopped; the one before goes on, and somebody is told."""
    settings, events, told = promotion_of(house).settings, list[str](), list[Mapping[str, Any]]()

    @contextmanager
    def noted(_: Workspace, package: Package, **__: object) -> Iterator[str]:
        version = package.tag.partition(":")[2][:2]
        events.append(f"{version} starts")
        if len(events) == 1:
            assert assay_here(house, "rollback", NAME, "--reason", "it drifts").returncode == 0
        yield "http://127.0.0.1:1"
        events.append(f"{version} ends")

    def replayed(package: Package, _: str, **__: object) -> None:
        if ":v2-" in package.tag:
            raise RefusedError("package is refused: its units are others")

    def notified(_: Workspace, __: object, event: Mapping[str, Any]) -> None:
        told.append(event)
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "served", noted)
    monkeypatch.setattr(following, "replay", replayed)
    monkeypatch.setattr(following, "notify", notified)
    with pytest.raises(KeyboardInterrupt):
        following.follow(house, NAME, "production", port=free_port(), settings=settings)
    assert events[:2] == ["v3 starts", "v2 starts"]
    (event,) = told
    assert event.items() >= {"event": "not followed", "problem": NAME, "version": 2, "stage": "production"}.items()
    assert "its units are others" in event["reason"]
    said = capsys.readouterr().err.replace("\n", " ")
    assert "goes on answering: package is refused: its units are others" in said
