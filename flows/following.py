"""A server that follows a stage: it answers with the stage's package, and with the next one when the stage changes.

    follow(workspace, "galaxy-shape", "production", port=3000, settings=settings)

The ledger says who is in the stage. The next package is started beside the one that answers, and asked about its golden
inputs; then requests go to it, and the one before ends what it has. Where the next one does not answer as recorded, or
the ledger cannot be asked, the server goes on with what it has, and says so.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from components.core import LOCALHOST, AssayError, ProblemSettings, Workspace
from components.ledger import Entry, Ledger, Server, new_server, open_ledger
from components.lifecycle import Deployed, deployed, notify
from components.packages import Front, is_alive, opened, replay, served
from flows import console

_LOOK_EVERY_S = 1.0
"""A change is noticed within twice this."""
_SIGNS_EVERY = 10
"""Looks between two signs of life."""
_AWAY_S = 30.0
"""How long a server may not answer before it is given up: a process that was killed is started again by itself."""
_LEAVE_S = 30.0
"""How long a server may take to answer what it was asked once requests go to the next."""
_NOT_FOLLOWED = "not_followed"
"""What `/model` says when something else is in the stage, and why that does not answer."""


def follow(
    workspace: Workspace, problem: str, stage: str, *, port: int, settings: ProblemSettings, host: str = LOCALHOST
) -> None:
    """Serve whatever is in a stage until the process is ended.

    Args:
        workspace: whose ledger and packages.
        problem: whose stage.
        stage: which one.
        port: to listen on.
        settings: how much a server takes on, and who is told when it cannot follow.
        host: the address to listen on.

    Raises:
        AssayError: when the stage is empty, its package is not whole or does not answer as recorded, the port is taken
            or must not be listened on, or the server has ended.
    """
    ledger, me = open_ledger(workspace), new_server()
    log = workspace.home / "logs" / f"requests-{problem}.log"
    with ExitStack() as stack:
        with console.waiting("starting the service"):
            answering = _Answering.start(workspace, deployed(workspace, problem, stage), settings)
        stack.callback(lambda: answering.end())  # whichever it is then
        front = stack.enter_context(opened(port, settings.serve, host=host, log=log))
        stack.enter_context(_left_at_the_end(ledger, me))
        while True:
            front.send_to(answering.url)
            front.said.pop(_NOT_FOLLOWED, None)
            console.out.print(
                f"{answering.what.package.tag} answers at {front.url} (POST {front.url}/predict); Ctrl-C ends it"
            )
            following = _after(workspace, ledger, _server(me, stage, front, answering.what), answering, front, settings)
            front.send_to(following.url)
            front.wait_until_left(answering.url, timeout_s=_LEAVE_S)
            answering.end()
            answering = following


@dataclass(frozen=True, kw_only=True)
class _Answering:
    """A server of one package, behind the address that stays."""

    what: Deployed
    url: str
    running: ExitStack

    @classmethod
    def start(cls, workspace: Workspace, what: Deployed, settings: ProblemSettings) -> "_Answering":
        """Start it, and see that it answers as recorded.

        Raises:
            AssayError: when it does not.
        """
        if what.unwitnessed:
            console.err.print(what.unwitnessed, markup=False)
        with ExitStack() as running:
            server = served(
                workspace,
                what.package,
                environment=what.variables,
                limits=settings.serve,
                records=workspace.records(what.entry.problem),
            )
            url = running.enter_context(server)
            replay(what.package, url, override=what.override)
            return cls(what=what, url=url, running=running.pop_all())

    def end(self) -> None:
        """Stop it."""
        self.running.close()


def _server(me: str, stage: str, front: Front, what: Deployed) -> Server:
    """What the ledger is told of this process."""
    return Server(
        id=me,
        problem=what.entry.problem,
        stage=stage,
        url=front.url,
        version=what.entry.version,
        package_digest=what.package.digest,
    )


@contextmanager
def _left_at_the_end(ledger: Ledger, server_id: str) -> Iterator[None]:
    """Have the ledger forget a server that is ended or fails: before its process is stopped, which may take long."""
    try:
        yield
    except BaseException:  # Ctrl-C and SIGTERM end a server as errors do; it is raised again
        with suppress(AssayError):  # it is forgotten by itself
            ledger.servers.leave(server_id)
        raise


def _after(
    workspace: Workspace, ledger: Ledger, server: Server, now: _Answering, front: Front, settings: ProblemSettings
) -> _Answering:
    """What answers after the one that does now, once it is started and answers as recorded."""
    seen = now.what.entry
    while True:
        what = _next(workspace, ledger, server, now, seen)
        entry = what.entry
        news = f"{server.stage} of {entry.problem} is version {entry.version} since {entry.at[:19]}"
        console.out.print(f"{news} ({entry.action} by {entry.actor}): starting it beside {now.what.package.tag}")
        try:
            return _Answering.start(workspace, what, settings)
        except AssayError as error:
            seen = entry
            console.err.print(f"{news}, and {now.what.package.tag} goes on answering: {error}", markup=False)
            front.said[_NOT_FOLLOWED] = {"version": entry.version, "package": what.package.tag, "reason": str(error)}
            facts = {"event": "not followed", "problem": entry.problem, "version": entry.version, "stage": server.stage}
            notify(workspace, settings.notify, {**facts, "server": front.url, "reason": str(error)})


def _next(workspace: Workspace, ledger: Ledger, server: Server, now: _Answering, seen: Entry) -> Deployed:
    """Wait until something else than what was seen is in the stage: what is, once its package is here and whole.

    The ledger is told of the server at the first look, and from then on as a sign of life: it may be away at any time.
    """
    looks, said, answered = 0, "", time.monotonic()
    last: str | None = None  # nobody looked while the server started
    while True:
        try:
            if looks % _SIGNS_EVERY == 0:
                ledger.servers.register(server)
            looks += 1
            newest = ledger.last_digest(seen.problem)
            if newest != last:
                entry = ledger.entry_in(seen.problem, server.stage)
                if entry is None:
                    raise _EmptyStageError(
                        f"nothing is in {server.stage} of {seen.problem} any more: the server of "
                        f"{now.what.package.tag} ends"
                    )
                if (entry.package_digest, entry.override) != (seen.package_digest, seen.override):
                    return deployed(workspace, seen.problem, server.stage)
                last = newest
        except _EmptyStageError:
            raise
        except AssayError as error:
            if str(error) != said:
                console.err.print(f"{now.what.package.tag} goes on answering: {error}", markup=False)
            said = str(error)
        if looks % _SIGNS_EVERY == 0 or time.monotonic() - answered > _AWAY_S:
            answered = time.monotonic() if is_alive(now.url) else answered
        if time.monotonic() - answered > _AWAY_S:
            log = workspace.home / "logs"
            raise AssayError(
                f"the server of {now.what.package.tag} has ended: the reason is at the end of its log in {log}"
            )
        time.sleep(_LOOK_EVERY_S)


class _EmptyStageError(AssayError):
    """Nothing is in the stage any more."""
