"""The ledger: the append-only record of every stage change, and the authority on which version is in which stage.

    ledger = Ledger(workspace.database_url)
    ledger.create()
    holder = ledger.holder("galaxy-shape", "production")
    ledger.move("galaxy-shape", 7, "production", action="promote", actor="ada", reason="all gates passed",
                evidence={"digest": "…"}, weights_sha256="…", expect=holder)

Every change is a compare-and-set on the stage's holder. It needs no lock: each entry carries the next number of its
problem's sequence, numbers are unique, and of two processes that read the same past only one can write its future.
Every reading checks all of a problem's (`components/ledger/table.py`): a thousand entries take a tenth of a second.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from components.core import PATIENCE_S, AssayError, RefusedError
from components.ledger.actions import REGISTER
from components.ledger.checks import check_new, check_unmoved, check_words, known_stage, refusal
from components.ledger.database import LedgerDatabase
from components.ledger.reading import archiving, current_entries, entry_in_stage, later
from components.ledger.refusals import Refusals
from components.ledger.servers import Server, Servers
from components.ledger.stages import PROMOTABLE
from components.ledger.table import FIRST, Entry, check_chain, check_reaches

_ATTEMPTS = 100
"""How often a lost race is run again. Each loss means that another process won, and nearly all end as a refusal."""


class Ledger:
    """The table of stage changes in one database, SQLite or PostgreSQL.

    Args:
        url: SQLAlchemy URL of the database.
        patience_s: seconds to wait for another process's lock on an SQLite file.
    """

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        self._database = LedgerDatabase(url, patience_s=patience_s)

    def create(self, *, upgrade: bool = False) -> list[str]:
        """Make the tables where they are not there yet; see `LedgerDatabase.create`."""
        return self._database.create(upgrade=upgrade)

    @property
    def where(self) -> str:
        """Its database, without its password."""
        return self._database.where

    @property
    def identity(self) -> str:
        """What names this ledger among others; MLflow's registered models name the one that they mirror."""
        return self._database.identity

    @property
    def servers(self) -> Servers:
        """Who answers for its stages."""
        return Servers(self._database)

    @property
    def refusals(self) -> Refusals:
        """What gates did not let into a stage."""
        return Refusals(self._database)

    def history(self, problem: str) -> list[Entry]:
        """Every stage change of a problem, oldest first.

        Raises:
            IntegrityError: when an entry of the problem was changed, removed or put in between; what was done to other
                problems' is their own matter.
        """
        entries = self._database.entries(problem)
        check_chain(entries, self._database.where)
        return entries

    def last_digest(self, problem: str) -> str | None:
        """The digest of a problem's last entry: while it is the same, `history` is."""
        return self._database.last_digest(problem)

    def check_reaches(self, problem: str, head: str | None) -> None:
        """See that the ledger still has the entry that MLflow saw last; see `table.check_reaches`.

        The head must have been read before, or an entry that is written meanwhile looks like one that is gone.
        """
        check_reaches(self.history(problem), head, self._database.where)

    def current(self, problem: str) -> dict[int, Entry]:
        """The entry that put each version where it is, newest first."""
        return current_entries(self.history(problem))

    def entry_in(self, problem: str, stage: str) -> Entry | None:
        """The entry that put a version into a stage, the latest when there are several; None for an empty stage."""
        return entry_in_stage(self.current(problem), known_stage(stage))

    def holder(self, problem: str, stage: str) -> int | None:
        """The version of `entry_in`."""
        entry = self.entry_in(problem, stage)
        return entry.version if entry else None

    def was_ever_in(self, problem: str, stage: str) -> bool:
        """Whether any version has been in a stage."""
        return any(entry.to_stage == known_stage(stage) for entry in self.history(problem))

    def behind(self, problem: str) -> list[Server]:
        """The servers that answer with another package than the stage which they follow has by now."""
        current = self.current(problem)
        held = {stage: entry_in_stage(current, stage) for stage in PROMOTABLE}
        return [
            server
            for stage, entry in held.items()
            for server in self.servers.behind(problem, stage, entry.package_digest if entry else None)
        ]

    def stage_of(self, problem: str, version: int) -> str | None:
        """The stage of a version; None when the ledger does not know it."""
        entry = self.current(problem).get(version)
        return entry.to_stage if entry else None

    def stages(self, problem: str) -> dict[int, str]:
        """The stage of every version that the ledger knows."""
        return {version: entry.to_stage for version, entry in self.current(problem).items()}

    def now(self, problem: str) -> datetime:
        """The time, or that of the latest entry where that is a little later; see `later`."""
        return later(datetime.now(UTC), next(reversed(self.history(problem)), None))

    def require_holder(self, problem: str, stage: str, expect: int | None) -> None:
        """Raise a RefusedError unless a stage is held by whom the caller believes."""
        held = self.entry_in(problem, stage)
        if (held.version if held else None) != expect:
            raise RefusedError(refusal(problem, stage, held, expect))

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
        since: str | None = None,
        package_tag: str | None = None,
        package_digest: str | None = None,
        override: Mapping[str, Any] | None = None,
        decided_with: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Put a version into a stage, if the stage is still held by whom the caller believes.

        The version that it replaces in staging or production is archived in the same transaction. A version that is in
        the stage already by the same action stays there and nothing is written, so that a killed caller can be run
        again; unless its package or its override is another now, which makes a new entry.

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
            since: digest of the version's own entry that the decision was made against; any by default.
            package_tag: the version's package, if it has one.
            package_digest: its digest.
            override: as `Entry.override`.
            decided_with: as `Entry.decided_with`.

        Returns:
            The entry that put the version there.

        Raises:
            RefusedError: when somebody else holds the stage by now, somebody moved the version meanwhile, or
                production would be left empty.
            KnownWeightsError: when a new number is registered for weights that have one.
            AssayError: when the evidence is not JSON or the database cannot be used.
        """
        check_words(problem, version, to_stage, reason, [evidence, override, decided_with])
        override = dict(override) if override else None
        for _ in range(_ATTEMPTS):
            # Read first: an entry written by another process after this line takes the number that this move wants.
            history = self.history(problem)
            latest, current = next(reversed(history), None), current_entries(history)
            own, held = current.get(version), entry_in_stage(current, to_stage)
            wanted = (to_stage, action, override, package_digest)
            if own is not None and (own.to_stage, own.action, own.override, own.package_digest) == wanted:
                return own
            if own is None and action == REGISTER:
                check_new(current, version, weights_sha256)
            check_unmoved(own, to_stage, since)
            if to_stage in PROMOTABLE and (held.version if held else None) != expect:
                raise RefusedError(refusal(problem, to_stage, held, expect))
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
                decided_with=dict(decided_with) if decided_with else None,
                weights_sha256=weights_sha256,
                package_tag=package_tag,
                package_digest=package_digest,
                at=later(datetime.now(UTC), latest).isoformat(timespec="milliseconds"),
            ).sealed(latest.digest if latest else FIRST)
            entries = [entry]
            if held is not None and held.version != version and to_stage in PROMOTABLE:
                entries.append(archiving(held, entry, current))
            if self._database.append(entries):
                return entry
        raise AssayError(f"{problem} version {version} lost {_ATTEMPTS} races for the ledger: run the command again")
