"""A server that follows a stage: it answers with the stage's package, and starts again with the next one.

    follow(workspace, "galaxy-shape", "production", port=3000)

The ledger says who is in the stage. Where it cannot be asked, the server goes on with what it has, and says so once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from components.core import AssayError, Workspace
from components.ledger import Ledger, Server, new_server, open_ledger
from components.lifecycle import Deployed, deployed
from components.packages import is_alive, served
from flows import console

_LOOK_EVERY_S = 1.0
"""A change is noticed within twice this."""
_SIGNS_EVERY = 10
"""Looks between two signs of life."""


def follow(workspace: Workspace, problem: str, stage: str, *, port: int) -> None:
    """Serve whatever is in a stage until the process is ended.

    Raises:
        AssayError: when the stage is empty, its package is not whole, or the server has ended.
    """
    now, ledger, me = deployed(workspace, problem, stage), open_ledger(workspace), new_server()
    with _left_at_the_end(ledger, me):
        while True:
            if now.unwitnessed:
                console.err.print(now.unwitnessed, markup=False)
            with served(workspace, now.package, port, environment=now.variables) as url, _left_at_the_end(ledger, me):
                server = Server(
                    id=me,
                    problem=problem,
                    stage=stage,
                    url=url,
                    version=now.entry.version,
                    package_digest=now.package.digest,
                )
                console.out.print(f"{now.package.tag} answers at {url} (POST {url}/predict); Ctrl-C ends it")
                now = _next(workspace, ledger, now, server)
            entry = now.entry
            console.out.print(
                f"{stage} of {problem} is version {entry.version} since {entry.at[:19]} ({entry.action} by "
                f"{entry.actor}): starting again with it"
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


def _next(workspace: Workspace, ledger: Ledger, now: Deployed, server: Server) -> Deployed:
    """Wait until something else is in the stage: what is, once its package is here and whole.

    The ledger is told of the server at the first look, and from then on as a sign of life: it may be away at any time.
    """
    seen, looks, said = now.entry, 0, ""
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
                        f"nothing is in {server.stage} of {seen.problem} any more: the server of {now.package.tag} ends"
                    )
                if (entry.package_digest, entry.override) != (seen.package_digest, seen.override):
                    return deployed(workspace, seen.problem, server.stage)
                last = newest
        except _EmptyStageError:
            raise
        except AssayError as error:
            if str(error) != said:
                console.err.print(f"{now.package.tag} goes on answering: {error}", markup=False)
            said = str(error)
        if looks % _SIGNS_EVERY == 0 and not is_alive(server.url):
            log = workspace.home / "logs"
            raise AssayError(f"the server of {now.package.tag} has ended: the reason is at the end of its log in {log}")
        time.sleep(_LOOK_EVERY_S)


class _EmptyStageError(AssayError):
    """Nothing is in the stage any more."""
