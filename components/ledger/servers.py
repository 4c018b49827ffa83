"""Servers that follow a stage: what each answers with now, so that a stage change can name those that are still behind.

    servers = open_ledger(workspace).servers
    me = Server(id=new_server(), problem="galaxy-shape", stage="production", url="http://127.0.0.1:3000", …)
    servers.register(me)                                       # and again every few seconds
    servers.behind("galaxy-shape", "production", "…")          # who answers with another package

A server that was killed says nothing any more, and is forgotten after `_FORGOTTEN_S`.
"""

import socket
import uuid
from dataclasses import dataclass, field

import sqlalchemy as sa

from components.ledger.database import LedgerDatabase

_FORGOTTEN_S = 60.0
"""Six times what a server lets pass between two signs of life: it may be busy."""

_SERVERS = sa.Table(
    "ledger_servers",
    sa.MetaData(),
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("problem", sa.String(200), nullable=False),
    sa.Column("stage", sa.String(20), nullable=False),
    sa.Column("url", sa.String(200), nullable=False),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("package_digest", sa.String(64), nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)


def new_server() -> str:
    """An id for a server's process, to be known before it is registered: it can then leave whenever it is ended."""
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True)
class Server:
    """One that answers for a stage."""

    id: str
    """The same for as long as its process lives, whatever it answers with."""
    problem: str
    stage: str
    url: str
    """On its own machine."""
    version: int
    package_digest: str
    """Of what it answers with."""
    host: str = field(default_factory=socket.gethostname)

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.url} on {self.host} (answers with version {self.version})"


class Servers:
    """The servers of every problem, on all machines that share a ledger.

    Args:
        database: the ledger's.
    """

    def __init__(self, database: LedgerDatabase) -> None:
        self._database = database

    def register(self, server: Server) -> None:
        """Say what a server answers with now, as a sign of life too; what it answered with before is forgotten."""
        with self._database.writing() as connection:
            now = self._database.seconds(connection)
            forgotten = _SERVERS.c.seen < now - _FORGOTTEN_S
            connection.execute(sa.delete(_SERVERS).where(forgotten | (_SERVERS.c.id == server.id)))
            connection.execute(sa.insert(_SERVERS).values(**vars(server), seen=now))

    def leave(self, server_id: str) -> None:
        """Say that it ends; one that never was known may say so too."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(_SERVERS).where(_SERVERS.c.id == server_id))

    def behind(self, problem: str, stage: str, package_digest: str | None) -> list[Server]:
        """The servers of a stage that answer with another package than it has."""
        columns = [column for column in _SERVERS.columns if column.name != "seen"]
        with self._database.reading() as connection:
            wanted = (
                sa.select(*columns)
                .where(_SERVERS.c.problem == problem, _SERVERS.c.stage == stage)
                .where(_SERVERS.c.package_digest != (package_digest or ""))
                .where(_SERVERS.c.seen > self._database.seconds(connection) - _FORGOTTEN_S)
                .order_by(_SERVERS.c.host, _SERVERS.c.url)
            )
            return [Server(**row) for row in connection.execute(wanted).mappings()]
