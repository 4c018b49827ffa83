"""Entries say their format and what they were decided with; a ledger has an identity; servers and refusals are kept.

Digests of old entries stay: theirs are of the fields of format 1.
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Add the columns and the tables."""
    op.add_column("ledger", sa.Column("format", sa.Integer, nullable=False, server_default="1"))
    op.add_column("ledger", sa.Column("decided_with", sa.JSON))
    identity = op.create_table("ledger_identity", sa.Column("identity", sa.String(32), primary_key=True))
    op.bulk_insert(identity, [{"identity": _identity()}])
    op.create_table(
        "ledger_servers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("problem", sa.String(200), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("url", sa.String(200), nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("package_digest", sa.String(64), nullable=False),
        sa.Column("seen", sa.Float, nullable=False),
    )
    op.create_table(
        "ledger_refusals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("problem", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("weights_sha256", sa.String(64), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("rules", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.UniqueConstraint("problem", "weights_sha256", "stage", "rules"),
    )


def _identity() -> str:
    """What names the ledger: that of a copy which is brought up to date once more is the same, by its first entry."""
    first = sa.text("SELECT digest FROM ledger ORDER BY id LIMIT 1")
    return str(op.get_bind().execute(first).scalar() or uuid.uuid4().hex)[:32]
