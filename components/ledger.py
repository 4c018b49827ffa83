"""The ledger: the append-only record of every stage change, and the authority on which version is in which stage.

    ledger = Ledger(workspace.database_url)
    ledger.create()
    holder = ledger.holder("galaxy-shape", "production")
    ledger.move("galaxy-shape", 7, "production", action="promote", actor="ada", reason="all gates passed",
                evidence={"digest": "…"}, weights_sha256="…", expect=holder)

Every change is a compare-and-set on the stage's holder. It needs no lock: each entry carries the next number of its
problem's sequence, numbers are unique, and of two processes that read the same past only one can write its future.
Every reading checks all of it (`components/ledger_table.py`): a few thousand entries take a tenth of a second.
"""

import getpass
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import IntegrityError as ConstraintError
from sqlalchemy.schema import CreateTable

from components.errors import AssayError, RefusedError
from components.ledger_reading import archiving, current_entries, entry_in_stage, later
from components.ledger_table import (
    COLUMNS,
    FIRST,
    POSTGRESQL_GUARDS,
    SQLITE_GUARDS,
    TABLE,
    Entry,
    check_chain,
    checked,
    read_json,
)
from components.workspace import Workspace

STAGES = ("candidate", "staging", "production", "archived")
"""What a version goes through; it is in one of them at a time."""

_SINGLE = ("staging", "production")
"""Stages with room for one version: whom it replaces is archived."""

_ATTEMPTS = 100
"""How often a lost race is run again. Each loss means that another process won, and nearly all end as a refusal."""

_POSTGRESQL_CREATE_LOCK = 20_461_507  # any number that nothing else in the database locks on


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
            url,
            poolclass=sa.NullPool,
            json_deserializer=read_json,
            connect_args={"timeout": patience_s} if is_sqlite else {},
        )
        if is_sqlite:
            # A byte that is no text any more must reach the entry's digest, which names the entry.
            sa.event.listen(self._engine, "connect", _read_any_text)

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
            connection.execute(CreateTable(TABLE, if_not_exists=True))
            for guard in POSTGRESQL_GUARDS if dialect == "postgresql" else SQLITE_GUARDS:
                connection.execute(guard)

    def history(self, problem: str) -> list[Entry]:
        """Every stage change of a problem, oldest first.

        Raises:
            IntegrityError: when an entry of any problem was changed, or one of this problem removed or put in between.
        """
        with self._one_line(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(*COLUMNS).order_by(TABLE.c.sequence)).mappings().all()
        # Those of other problems too: a changed name would take an entry out of its own problem unseen.
        entries = [entry for row in rows if (entry := checked(Entry(**row), self.where)).problem == problem]
        check_chain(entries, self.where)
        return entries

    def current(self, problem: str) -> dict[int, Entry]:
        """The entry that put each version where it is, newest first."""
        return current_entries(self.history(problem))

    def entry_in(self, problem: str, stage: str) -> Entry | None:
        """The entry that put a version into a stage, the latest when there are several; None for an empty stage."""
        return entry_in_stage(self.current(problem), _known(stage))

    def holder(self, problem: str, stage: str) -> int | None:
        """The version of `entry_in`."""
        entry = self.entry_in(problem, stage)
        return entry.version if entry else None

    def was_ever_in(self, problem: str, stage: str) -> bool:
        """Whether any version has been in a stage."""
        return any(entry.to_stage == _known(stage) for entry in self.history(problem))

    def stage_of(self, problem: str, version: int) -> str | None:
        """The stage of a version; None when the ledger does not know it."""
        entry = self.current(problem).get(version)
        return entry.to_stage if entry else None

    def stages(self, problem: str) -> dict[int, str]:
        """The stage of every version that the ledger knows."""
        return {version: entry.to_stage for version, entry in self.current(problem).items()}

    def now(self, problem: str) -> datetime:
        """The time, or that of the latest entry when the clock has been set back behind it."""
        return later(datetime.now(UTC), next(reversed(self.history(problem)), None))

    def require_holder(self, problem: str, stage: str, expect: int | None) -> None:
        """Raise a RefusedError unless a stage is held by whom the caller believes."""
        held = self.entry_in(problem, stage)
        if (held.version if held else None) != expect:
            raise RefusedError(_refusal(problem, stage, held, expect))

    def move(
        self,
        problem: str,
        version: int,
        to_stage: str,
        *,
        action: str,
        actor: str,
        reason: str,
        evidence: Mapping[str, Any],
        weights_sha256: str,
        expect: int | None,
        package_tag: str | None = None,
        package_digest: str | None = None,
        override: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Put a version into a stage, if the stage is still held by whom the caller believes.

        The version that it replaces in staging or production is archived in the same transaction. A version that is in
        the stage already stays there and nothing is written, so that a killed caller can be run again; unless its
        package or its override is another now, which makes a new entry.

        Args:
            problem: the registered model's name.
            version: the registered version.
            to_stage: one of `STAGES`.
            action: as `Entry.action`.
            actor: who wants it: a user, or the name of a flow.
            reason: why, for a person to read.
            evidence: JSON-able facts that the change rests on.
            weights_sha256: digest of the version's weights.
            expect: the holder of staging or production that the decision was made against; None for an empty stage.
            package_tag: the version's package, if it has one.
            package_digest: its digest.
            override: as `Entry.override`.

        Returns:
            The entry that put the version there.

        Raises:
            RefusedError: when somebody else holds the stage by now, or production would be left empty.
            AssayError: when the evidence is not JSON or the database cannot be used.
        """
        _known(to_stage)
        if not reason.strip():
            raise AssayError(f"{problem} version {version} to {to_stage}: the reason is empty: say why, with --reason")
        try:
            json.dumps([evidence, override], allow_nan=False)
        except (TypeError, ValueError) as error:
            raise AssayError(f"the evidence for {problem} version {version} is not JSON ({error})") from error
        override = dict(override) if override else None
        for _ in range(_ATTEMPTS):
            # Read first: an entry written by another process after this line takes the number that this move wants.
            history = self.history(problem)
            latest, current = next(reversed(history), None), current_entries(history)
            own, held = current.get(version), entry_in_stage(current, to_stage)
            if own is not None and own.to_stage == to_stage:
                if (own.override, own.package_digest) == (override, package_digest):
                    return own
            elif own is not None and own.to_stage == "production":
                raise RefusedError(
                    f"{problem} version {version} is in production since {own.at} (moved by {own.actor}), which must "
                    f"not be left empty: promote another version, or `assay rollback {problem}`"
                )
            elif to_stage in _SINGLE and (held.version if held else None) != expect:
                raise RefusedError(_refusal(problem, to_stage, held, expect))
            entry = Entry(
                sequence=latest.sequence + 1 if latest else 1,
                problem=problem,
                version=version,
                action=action,
                from_stage=own.to_stage if own else None,
                to_stage=to_stage,
                previous_version=held.version if held else None,
                actor=actor,
                reason=reason,
                evidence=dict(evidence),
                override=override,
                weights_sha256=weights_sha256,
                package_tag=package_tag,
                package_digest=package_digest,
                at=later(datetime.now(UTC), latest).isoformat(timespec="milliseconds"),
            ).sealed(latest.digest if latest else FIRST)
            entries = [entry]
            if held is not None and held.version != version and to_stage in _SINGLE:
                entries.append(archiving(held, entry, current))
            if self._append(entries):
                return entry
        raise AssayError(f"{problem} version {version} lost {_ATTEMPTS} races for the ledger: run the command again")

    @property
    def where(self) -> str:
        """The database, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def _append(self, entries: list[Entry]) -> bool:
        """Write all entries or none; False when another process took one of their numbers."""
        rows = [{field.name: getattr(entry, field.name) for field in fields(Entry)} for entry in entries]
        with self._one_line():
            try:
                with self._engine.begin() as connection:
                    connection.execute(sa.insert(TABLE), rows)
            except ConstraintError:
                return False
        return True

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        """Turn what a database driver raises into one line for the user."""
        try:
            yield
        except DBAPIError as error:
            what = " ".join(str(error.orig).split())
            hint = "type `assay init`" if "ledger" in what else "see that it can be written, is not full and not locked"
            raise AssayError(f"the ledger {self.where} cannot be used ({what}): {hint}, then repeat") from error


def open_ledger(workspace: Workspace) -> Ledger:
    """The workspace's ledger, its table made when it is new."""
    ledger = Ledger(workspace.database_url)
    ledger.create()
    return ledger


def whoami() -> str:
    """The user that stage changes are recorded under."""
    return getpass.getuser()


def _read_any_text(connection: Any, _record: object) -> None:
    connection.text_factory = lambda raw: raw.decode(errors="replace")


def _known(stage: str) -> str:
    if stage not in STAGES:
        raise AssayError(f"stage {stage!r} does not exist: use one of {', '.join(STAGES)}")
    return stage


def _refusal(problem: str, stage: str, held: Entry | None, expect: int | None) -> str:
    believed = f"version {expect} was" if expect is not None else "nobody was"
    if held is None:
        return f"{stage} of {problem} is empty and {believed} expected there: see `assay history {problem}`"
    return (
        f"{stage} of {problem} is held by version {held.version} since {held.at} (moved by {held.actor}) "
        f"and {believed} expected there: see `assay history {problem}`, then --expect {held.version}"
    )
