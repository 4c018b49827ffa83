"""What stands beside the ledger's entries: who answers for a stage, and what gates refused."""

import signal
from dataclasses import replace

import pytest
import sqlalchemy as sa

from components.ledger.database import LedgerDatabase
from components.ledger.ledger import Ledger
from components.ledger.refusals import Refusal
from components.ledger.servers import Server, new_server


def server(problem: str, stage: str, url: str, *, digest: str = "x") -> Server:
    return Server(id=new_server(), problem=problem, stage=stage, url=url, version=1, package_digest=digest)


def test_servers_that_answer_with_another_package_are_named_until_they_follow_or_end(ledger: Ledger) -> None:
    servers = ledger.servers
    first = server("a", "production", "http://127.0.0.1:1")
    for known in (first, server("a", "staging", "http://127.0.0.1:2"), server("b", "production", "http://127.0.0.1:3")):
        servers.register(known)
    assert servers.behind("a", "production", "x") == []
    assert servers.behind("a", "production", "y") == [first]
    assert str(first).startswith("http://127.0.0.1:1 on ")
    follows = replace(first, version=2, package_digest="y")
    servers.register(follows)
    assert servers.behind("a", "production", "y") == []
    assert servers.behind("a", "production", "x") == [follows]
    # By the ledger nothing is in production or staging of it.
    assert [(behind.stage, behind.url) for behind in ledger.behind("a")] == [
        ("staging", "http://127.0.0.1:2"),
        ("production", "http://127.0.0.1:1"),
    ]
    servers.leave(first.id)
    assert servers.behind("a", "production", "x") == []


def test_clocks_of_machines_do_not_matter_where_the_database_has_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "sqlite" in ledger.where:
        pytest.skip("an SQLite file is one machine's")
    fast = server("a", "production", "http://127.0.0.1:1")
    with monkeypatch.context() as patch:
        patch.setattr("time.time", lambda: 4e9)
        ledger.servers.register(fast)
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert ledger.servers.behind("a", "production", "y") == [fast]


def test_a_server_that_was_killed_is_forgotten_and_one_that_was_only_slow_is_known_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = ledger.servers
    slow, other = server("a", "production", "http://127.0.0.1:1"), server("a", "production", "http://127.0.0.1:2")
    servers.register(slow)
    by_its_clock = LedgerDatabase.seconds
    monkeypatch.setattr(LedgerDatabase, "seconds", lambda *its: by_its_clock(*its) + 61)
    assert servers.behind("a", "production", "y") == []
    servers.register(other)
    assert servers.behind("a", "production", "y") == [other]
    servers.register(slow)
    assert servers.behind("a", "production", "y") == [slow, other]


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_waits_until_the_ledger_is_written(ledger: Ledger) -> None:
    """Within the driver it would leave a connection open, and what comes next would wait for its own process's lock."""
    me = server("a", "production", "http://127.0.0.1:1")

    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    sa.event.listen(sa.Engine, "before_cursor_execute", interrupt, once=True)
    with pytest.raises(KeyboardInterrupt):
        ledger.servers.register(me)
    assert ledger.servers.behind("a", "production", "y") == [me]
    ledger.servers.leave(me.id)
    assert ledger.servers.behind("a", "production", "y") == []


def test_the_same_refusal_is_news_once(ledger: Ledger) -> None:
    facts = {"problem": "a", "version": 7, "weights_sha256": "w", "actor": "ada", "reason": "gate x fail"}
    first = Refusal(stage="staging", rules="r", **facts)  # type: ignore[arg-type]
    assert [ledger.refusals.add(first), ledger.refusals.add(first)] == [True, False]
    others = [
        Refusal(stage="production", rules="r", **facts),  # type: ignore[arg-type]
        Refusal(stage="staging", rules="another", **facts),  # type: ignore[arg-type]
        Refusal(stage="staging", rules="r", **facts | {"weights_sha256": "v"}),  # type: ignore[arg-type]
    ]
    assert all(ledger.refusals.add(other) for other in others)
    assert ledger.refusals.of("a") == [first, *others]
    assert ledger.refusals.of("b") == []
