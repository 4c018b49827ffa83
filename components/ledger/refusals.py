"""What gates have refused: so that the same weights are not judged by the same rules, and refused, night after night.

    refusals = open_ledger(workspace).refusals
    is_news = refusals.add(Refusal(problem="galaxy-shape", version=7, weights_sha256="…", stage="production", …))
    refusals.of("galaxy-shape")

A refusal is no stage change: it stands beside the ledger's entries and decides nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from components.ledger.database import LedgerDatabase

_REFUSALS = sa.Table(
    "ledger_refusals",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("problem", sa.String(200), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("weights_sha256", sa.String(64), nullable=False),
    sa.Column("stage", sa.String(20), nullable=False),
    sa.Column("rules", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One verdict that a version was not let into a stage."""

    problem: str
    version: int
    weights_sha256: str
    stage: str
    rules: str
    """Digest of the rules that it was judged by, and of whom it was compared with."""
    actor: str
    reason: str
    """The first gate that did not pass, in a line."""


class Refusals:
    """The refusals of every problem.

    Args:
        database: the ledger's.
    """

    def __init__(self, database: LedgerDatabase) -> None:
        self._database = database

    def add(self, refusal: Refusal) -> bool:
        """Keep a refusal; False when the same weights were refused that stage by the same rules before."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        known = sa.select(sa.func.count()).select_from(_REFUSALS)
        for name in ("problem", "weights_sha256", "stage", "rules"):
            known = known.where(_REFUSALS.c[name] == getattr(refusal, name))
        try:
            with self._database.writing() as connection:
                if connection.execute(known).scalar_one():
                    return False
                connection.execute(sa.insert(_REFUSALS).values(**vars(refusal), at=at))
        except IntegrityError:  # another process was quicker
            return False
        return True

    def of(self, problem: str) -> list[Refusal]:
        """Every refusal of a problem, oldest first."""
        columns = [_REFUSALS.c[name] for name in Refusal.__dataclass_fields__]
        wanted = sa.select(*columns).where(_REFUSALS.c.problem == problem).order_by(_REFUSALS.c.id)
        with self._database.reading() as connection:
            return [Refusal(**row) for row in connection.execute(wanted).mappings()]
