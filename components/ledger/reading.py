"""What a problem's history says: who is in which stage, who was, and whose word stands against the gates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from components.ledger.actions import ARCHIVE, COLLECTED, PROMOTE, REPLACED, ROLLBACK
from components.ledger.stages import ARCHIVED, PRODUCTION
from components.ledger.table import Entry

_CLOCKS_DIFFER_BY = timedelta(days=1)
"""At most, of machines whose clocks are kept; a time zone taken for another is found by this, too."""


def current_entries(history: Sequence[Entry]) -> dict[int, Entry]:
    """The entry that put each version where it is, newest first."""
    current: dict[int, Entry] = {}
    for entry in reversed(history):
        current.setdefault(entry.version, entry)
    return current


def entry_in_stage(current: Mapping[int, Entry], stage: str) -> Entry | None:
    """The entry that put a version into a stage, the latest when there are several."""
    return next((entry for entry in current.values() if entry.to_stage == stage), None)


def registered_tags(history: Sequence[Entry]) -> dict[int, dict[str, str]]:
    """What each version was registered with: its lineage, digests and headline metrics, as MLflow's tags name them."""
    return {entry.version: dict(entry.evidence["tags"]) for entry in history if "tags" in entry.evidence}


def withdrawn(history: Sequence[Entry]) -> set[str]:
    """Weights that somebody's word stands against, under whatever number: archived, or rolled back from.

    What was archived comes back by a promotion to any stage, what production was rolled back from by one to production
    alone, or by another rollback.

    Args:
        history: a problem's entries, oldest first.

    Returns:
        SHA-256 of each.
    """
    weights = {entry.version: entry.weights_sha256 for entry in history}
    archived: set[str] = set()
    rolled_back: set[str] = set()
    for entry in history:
        own = entry.weights_sha256
        if entry.action == ARCHIVE:
            archived.add(own)
        elif entry.action == ROLLBACK:
            archived.discard(own)
            if entry.previous_version is not None:
                rolled_back.add(weights[entry.previous_version])
            rolled_back.discard(own)
        elif entry.action == PROMOTE:
            archived.discard(own)
            if entry.to_stage == PRODUCTION:
                rolled_back.discard(own)
    return archived | rolled_back


def last_good(history: Sequence[Entry]) -> int | None:
    """The version to roll back to: the last in production before today's that nobody's word stands against.

    Args:
        history: a problem's entries, oldest first.
    """
    current, against = current_entries(history), withdrawn(history)
    held = [entry.version for entry in history if entry.to_stage == PRODUCTION]
    for version in reversed(held):
        entry = current[version]
        if entry.weights_sha256 in against or entry.action == COLLECTED:
            continue
        if entry.weights_sha256 != current[held[-1]].weights_sha256:
            return version
    return None


def archiving(held: Entry, successor: Entry, current: Mapping[int, Entry]) -> Entry:
    """The entry that archives who held a stage, behind that of the successor."""
    others = {version: entry for version, entry in current.items() if version != successor.version}
    before = entry_in_stage(others, ARCHIVED)  # the successor itself may come from there
    return replace(
        held,
        sequence=successor.sequence + 1,
        action=REPLACED,
        from_stage=held.to_stage,
        to_stage=ARCHIVED,
        previous_version=before.version if before else None,
        actor=successor.actor,
        reason=f"replaced by version {successor.version}",
        evidence={},
        decided_with=successor.decided_with,
        format=successor.format,
        at=successor.at,
    ).sealed(successor.digest)


def later(clock: datetime, entry: Entry | None) -> datetime:
    """The clock, or the time of an entry that is a little later, as where the clocks of two machines differ.

    One that is much later was written by a machine whose clock was wrong, and counts for nothing: it would make every
    override end at once, for ever.
    """
    last = datetime.fromisoformat(entry.at) if entry else clock
    return last if clock < last < clock + _CLOCKS_DIFFER_BY else clock


def describe_override(override: Mapping[str, Any], now: datetime | None = None) -> str:
    """An override in one line; with the time, also whether it is over."""
    over = now is not None and now.date() > date.fromisoformat(override["until"])
    return f"by {override['by']} until {override['until']}{' (EXPIRED)' if over else ''}: {override['reason']}"
