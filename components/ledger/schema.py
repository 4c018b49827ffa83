"""The ledger's tables, made and brought up to date by Alembic; the revisions stand in `migrations/`.

    made = bring_up_to_date(connection)       # ["0001", "0002"]: what was run
    revision_of(connection) == NEWEST

All of it happens in one transaction, which the caller begins, so that a killed migration leaves nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0002"
"""The revision that this code reads and writes; `migrations/versions` ends with it."""

REVISIONS = {
    "0001": "stage changes",
    "0002": "formats of entries, the ledger's identity, servers, refusals",
}
"""Every revision, oldest first, in words."""

_VERSION_TABLE = "ledger_schema"  # MLflow's and Optuna's may lie in the same database
_LEDGER = "ledger"


def revision_of(connection: sa.Connection) -> str | None:
    """The revision of a database; None for one without a ledger."""
    tables = sa.inspect(connection)
    if tables.has_table(_VERSION_TABLE):
        found = connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(_VERSION_TABLE))).scalar()
        if found is not None:
            return str(found)
    return "0001" if tables.has_table(_LEDGER) else None  # from before there were revisions


def bring_up_to_date(connection: sa.Connection) -> list[str]:
    """Run the revisions that a database lacks.

    Returns:
        Their numbers.
    """
    from alembic import command

    before = revision_of(connection)
    command.upgrade(_config(connection), NEWEST)
    return [revision for revision in REVISIONS if before is None or revision > before]


def _config(connection: sa.Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes.update(connection=connection, version_table=_VERSION_TABLE)
    return config
