"""PostgreSQL by the addresses that SQLAlchemy takes: connections of our own, and what keeps one from being used.

    connection = connect("postgresql+psycopg2://assay@db.example.org/assay")
    check_postgresql(url)                                        # an AssayError of one line when it cannot be used

What tables hold is asked by the wings that have them; here are locks (`locks.py`) and whether a server answers.
"""

import re
from typing import TYPE_CHECKING

from components.core.errors import AssayError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

__label__ = None

_PATIENCE_S = 10
"""How long a server may take to answer; one behind a firewall that drops packets would take minutes."""
_SESSION = """
SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES
    ('tcp_keepalives_idle', '20'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '4'),
    ('idle_session_timeout', '0')
) AS of_ours (name, wanted) USING (name)
"""
"""A machine that lost its power is missed after 40 s, not after two hours; a session that only waits is not ended."""


def is_postgresql(url: str) -> bool:
    """Whether an address is one of PostgreSQL, by whichever driver."""
    return url.partition("://")[0].partition("+")[0] == "postgresql"


def shown_address(url: str) -> str:
    """An address without what may be secret: user, password and options."""
    return re.sub(r"//[^/?]*@", "//", url).partition("?")[0]


def connect(url: str, *, name: str = "assay") -> "Connection":
    """A connection of its own, each of whose statements is a transaction.

    Args:
        url: of the database.
        name: as the server's list of sessions has it.

    Raises:
        AssayError: when it cannot be had; the line says why, and names neither user nor password.
    """
    try:
        import psycopg2
    except ImportError as error:
        raise AssayError("psycopg2 is not installed: type `pip install 'assay[cluster]'`") from error

    driver, _, rest = url.partition("://")
    try:
        connection = psycopg2.connect(
            f"{driver.partition('+')[0]}://{rest}",
            connect_timeout=_PATIENCE_S,
            application_name=name,
            keepalives_idle=20,
            keepalives_interval=5,
            keepalives_count=4,
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_SESSION)
    except psycopg2.Error as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise AssayError(
            f"PostgreSQL at {shown_address(url)} cannot be used ({said})",
            "see that it runs, that the database is there, and that the account and its password are right",
        ) from error
    return connection


def check_postgresql(url: str) -> None:
    """See that a database answers and takes our account.

    Raises:
        AssayError: when it does not, or the address is none of PostgreSQL.
    """
    if not is_postgresql(url):
        raise AssayError(f"{shown_address(url)} is no address of PostgreSQL: it must be postgresql+psycopg2://…")
    connect(url).close()
