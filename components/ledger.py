"""The ledger: the append-only record of every stage change, and the authority on which version is in which stage.

    ledger = Ledger(workspace.database_url)
    ledger.create()
    holder = ledger.holder("galaxy-shape", "production")
    ledger.move("galaxy-shape", 7, "production", actor="ada", reason="all gates passed", evidence={"digest": "…"},
                weights_sha256="…", expect=holder)

Every change is a compare-and-set on the stage's holder. It needs no lock: each entry carries the next number of its
problem's sequence, numbers are unique, and of two processes that read the same past only one can write its future.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import IntegrityError as ConstraintError
from sqlalchemy.schema import CreateTable

from components.errors import AssayError, RefusedError

STAGES = ("candidate", "staging", "production", "archived")
"""What a version goes through; it is in one of them at a time."""

_SINGLE = ("staging", "production")
"""Stages with room for one version: whom it replaces is archived."""

_ATTEMPTS = 100
"""How often a lost race is run again. Each loss means that another process won, and nearly all end as a refusal."""

_LEDGER = sa.Table(
    "ledger",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("problem", sa.String(200), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("from_stage", sa.String(20)),
    sa.Column("to_stage", sa.String(20), nullable=False),
    sa.Column("previous_version", sa.Integer),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("weights_sha256", sa.String(64), nullable=False),
    sa.Column("package_tag", sa.String(200)),
    sa.Column("at", sa.String(40), nullable=False),
    sa.UniqueConstraint("problem", "sequence"),
)

_SQLITE_GUARDS = tuple(
    sa.text(
        f"CREATE TRIGGER IF NOT EXISTS ledger_refuses_{verb} BEFORE {verb.upper()} ON ledger "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    )
    for verb in ("update", "delete")
)
_POSTGRESQL_GUARDS = (
    sa.text(
        "CREATE OR REPLACE FUNCTION ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'the ledger is append-only'; END$$"
    ),
    sa.text(
        "CREATE OR REPLACE TRIGGER ledger_refuses BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses()"
    ),
)
_POSTGRESQL_CREATE_LOCK = 20_461_507  # any number that nothing else in the database locks on


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One stage change."""

    sequence: int
    """Number within the problem, from 1."""
    problem: str
    version: int
    from_stage: str | None
    """None for the first entry of a version."""
    to_stage: str
    previous_version: int | None
    """Who held `to_stage` just before."""
    actor: str
    reason: str
    evidence: Mapping[str, Any]
    """What the change rests on: digests, metrics, verdicts."""
    weights_sha256: str
    package_tag: str | None
    at: str
    """UTC, ISO 8601."""


_COLUMNS = [_LEDGER.c[field.name] for field in fields(Entry)]


class Ledger:
    """The table of stage changes in one database, SQLite or PostgreSQL.

    Args:
        url: SQLAlchemy URL of the database.
        patience_s: seconds to wait for another process's lock on an SQLite file.
    """

    def __init__(self, url: str, *, patience_s: float = 60) -> None:
        is_sqlite = url.startswith("sqlite")
        # Every call opens and closes its own connection, so that none outlives a fork or stays idle for a whole flow.
        self._engine = sa.create_engine(
            url, poolclass=sa.NullPool, connect_args={"timeout": patience_s} if is_sqlite else {}
        )

    def create(self) -> None:
        """Make the table and the triggers that keep it append-only, where they are not there yet.

        Several processes may do it at once, and one that was killed half-way is made good by the next.
        """
        url, dialect = self._engine.url, self._engine.dialect.name
        if dialect == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        with self._one_line(), self._engine.begin() as connection:
            if dialect == "postgresql":
                # IF NOT EXISTS does not keep two creators from colliding in PostgreSQL's own catalogue.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_CREATE_LOCK)))
                if connection.scalar(sa.select(sa.func.to_regclass("ledger"))) is not None:
                    return  # made in one transaction, so the triggers are there too
            connection.execute(CreateTable(_LEDGER, if_not_exists=True))
            for guard in _POSTGRESQL_GUARDS if dialect == "postgresql" else _SQLITE_GUARDS:
                connection.execute(guard)

    def holder(self, problem: str, stage: str) -> int | None:
        """The version in a stage, the latest to come there when there are several; None for an empty stage."""
        entry = self._first(_current(problem).where(_LEDGER.c.to_stage == _known(stage)))
        return entry.version if entry else None

    def stage_of(self, problem: str, version: int) -> str | None:
        """The stage of a version; None when the ledger does not know it."""
        entry = self._first(_entries(problem).where(_LEDGER.c.version == version))
        return entry.to_stage if entry else None

    def stages(self, problem: str) -> dict[int, str]:
        """The stage of every version that the ledger knows."""
        return {entry.version: entry.to_stage for entry in self._read(_current(problem))}

    def history(self, problem: str) -> list[Entry]:
        """Every stage change of a problem, oldest first."""
        return self._read(_entries(problem))[::-1]

    def move(
        self,
        problem: str,
        version: int,
        to_stage: str,
        *,
        actor: str,
        reason: str,
        evidence: Mapping[str, Any],
        weights_sha256: str,
        expect: int | None,
        package_tag: str | None = None,
    ) -> Entry:
        """Put a version into a stage, if the stage is still held by whom the caller believes.

        The version that it replaces in staging or production is archived in the same transaction. A version that is in
        the stage already stays there and nothing is written, so that a killed caller can be run again.

        Args:
            problem: the registered model's name.
            version: the registered version.
            to_stage: one of `STAGES`.
            actor: who wants it: a user, or the name of a flow.
            reason: why, for a person to read.
            evidence: JSON-able facts that the change rests on.
            weights_sha256: digest of the version's weights.
            expect: the holder of `to_stage` that the decision was made against; None for an empty stage.
            package_tag: the version's package, if it has one.

        Returns:
            The entry that put the version there.

        Raises:
            RefusedError: when somebody else holds the stage by now.
            AssayError: when the evidence is not JSON or the database cannot be used.
        """
        _known(to_stage)
        try:
            json.dumps(evidence, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise AssayError(f"the evidence for {problem} version {version} is not JSON ({error})") from error
        for _ in range(_ATTEMPTS):
            # Read first: an entry written by another process after this line takes the number that this move wants.
            latest = self._first(_entries(problem))
            own = self._first(_entries(problem).where(_LEDGER.c.version == version))
            held = self._first(_current(problem).where(_LEDGER.c.to_stage == to_stage))
            if own is not None and own.to_stage == to_stage:
                return own
            if (held.version if held else None) != expect:
                raise RefusedError(_refusal(problem, to_stage, held, expect))
            entry = Entry(
                sequence=latest.sequence + 1 if latest else 1,
                problem=problem,
                version=version,
                from_stage=own.to_stage if own else None,
                to_stage=to_stage,
                previous_version=expect,
                actor=actor,
                reason=reason,
                evidence=dict(evidence),
                weights_sha256=weights_sha256,
                package_tag=package_tag,
                at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            )
            entries = [entry]
            if held is not None and to_stage in _SINGLE:
                entries.append(self._archiving(held, entry))
            if self._append(entries):
                return entry
        raise AssayError(f"{problem} version {version} lost {_ATTEMPTS} races for the ledger: run the command again")

    def _archiving(self, held: Entry, successor: Entry) -> Entry:
        in_archive = _LEDGER.c.to_stage == "archived", _LEDGER.c.version != successor.version  # which may come from it
        before = self._first(_current(held.problem).where(*in_archive))
        return replace(
            held,
            sequence=successor.sequence + 1,
            from_stage=held.to_stage,
            to_stage="archived",
            previous_version=before.version if before else None,
            actor=successor.actor,
            reason=f"replaced by version {successor.version}",
            evidence={},
            at=successor.at,
        )

    def _append(self, entries: list[Entry]) -> bool:
        """Write all entries or none; False when another process took one of their numbers."""
        rows = [{field.name: getattr(entry, field.name) for field in fields(Entry)} for entry in entries]
        with self._one_line():
            try:
                with self._engine.begin() as connection:
                    connection.execute(sa.insert(_LEDGER), rows)
            except ConstraintError:
                return False
        return True

    def _first(self, query: sa.Select[Any]) -> Entry | None:
        return next(iter(self._read(query.limit(1))), None)

    def _read(self, query: sa.Select[Any]) -> list[Entry]:
        with self._one_line(), self._engine.connect() as connection:
            return [Entry(**row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        """Turn what a database driver raises into one line for the user."""
        try:
            yield
        except DBAPIError as error:
            what = " ".join(str(error.orig).split())
            hint = "type `assay init`" if "ledger" in what else "see that it can be written, is not full and not locked"
            url = self._engine.url.render_as_string(hide_password=True)
            raise AssayError(f"the ledger {url} cannot be used ({what}): {hint}, then run the command again") from error


def _known(stage: str) -> str:
    if stage not in STAGES:
        raise AssayError(f"stage {stage!r} does not exist: use one of {', '.join(STAGES)}")
    return stage


def _entries(problem: str) -> sa.Select[Any]:
    """The entries of a problem, newest first."""
    return sa.select(*_COLUMNS).where(_LEDGER.c.problem == problem).order_by(_LEDGER.c.sequence.desc())


def _current(problem: str) -> sa.Select[Any]:
    """The last entry of each version of a problem, newest first."""
    last = sa.select(sa.func.max(_LEDGER.c.sequence)).where(_LEDGER.c.problem == problem).group_by(_LEDGER.c.version)
    return _entries(problem).where(_LEDGER.c.sequence.in_(last))


def _refusal(problem: str, stage: str, held: Entry | None, expect: int | None) -> str:
    believed = f"version {expect} was" if expect is not None else "nobody was"
    if held is None:
        return f"{stage} of {problem} is empty and {believed} expected there: see `assay history {problem}`"
    return (
        f"{stage} of {problem} is held by version {held.version} since {held.at} (moved by {held.actor}) "
        f"and {believed} expected there: see `assay history {problem}`, then --expect {held.version}"
    )
