"""The ledger's table, its rows, and what keeps them as they were written.

Every row holds a digest of itself and of the row before it in its problem, so that a changed byte, a row that is gone
and a row put in between are all found at the next reading. Rows that are gone from the end are found by the tag
`ledger.head` of MLflow's registered model, which names the last one (`check_reaches`). A row says which format it is
of, and its digest is of the fields of that format: a column more leaves the digests of old rows as they are.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import sqlalchemy as sa

from components.core import IntegrityError, value_digest

HEAD = "ledger.head"
"""The tag of MLflow's registered model that names a problem's last entry."""

FIRST = "0" * 64
"""What stands for the digest before a problem's first row."""

FORMAT = 2
"""Of entries that are written today."""

_LEFT_OUT = {1: ("format", "decided_with")}
"""The fields that came later than a format, and that no digest of its entries is of; those of a format never change."""

TABLE = sa.Table(
    "ledger",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("format", sa.Integer, nullable=False),
    sa.Column("problem", sa.String(200), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("from_stage", sa.String(20)),
    sa.Column("to_stage", sa.String(20), nullable=False),
    sa.Column("previous_version", sa.Integer),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("override", sa.JSON),
    sa.Column("decided_with", sa.JSON),
    sa.Column("weights_sha256", sa.String(64), nullable=False),
    sa.Column("package_tag", sa.String(200)),
    sa.Column("package_digest", sa.String(64)),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("previous_digest", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.UniqueConstraint("problem", "sequence"),
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One stage change."""

    sequence: int
    """Number within the problem, from 1."""
    problem: str
    version: int
    action: str
    """What was done; see `actions.py`."""
    from_stage: str | None
    """None for the first entry of a version."""
    to_stage: str
    previous_version: int | None
    """Who held `to_stage` just before."""
    actor: str
    reason: str
    evidence: Mapping[str, Any]
    """What the change rests on: digests, metrics, verdicts."""
    override: Mapping[str, Any] | None
    """Where a person overruled gates: `by`, `reason`, `until` and the verdicts that were `overruled`."""
    weights_sha256: str
    package_tag: str | None
    package_digest: str | None
    at: str
    """UTC, ISO 8601; not before the entry before it where the clocks of two machines differ by less than a day."""
    previous_digest: str = ""
    """Digest of the problem's entry before this one."""
    decided_with: Mapping[str, Any] | None = None
    """What decided: `commit` of the code, whether it was `dirty`, and a digest of the `rules`."""
    format: int = FORMAT
    """Which of the fields the digest is of."""
    digest: str = ""
    """SHA-256 of everything above."""

    @property
    def head(self) -> str:
        """Number and digest: what names this entry outside of the database."""
        return f"{self.sequence} {self.digest}"

    def sealed(self, previous_digest: str) -> "Entry":
        """The entry with its digests, behind the one with the given digest."""
        behind = replace(self, previous_digest=previous_digest)
        return replace(behind, digest=behind.content_digest())

    def content_digest(self) -> str:
        """What `digest` must be."""
        left_out = _LEFT_OUT.get(self.format, ())
        return value_digest({name: value for name, value in vars(self).items() if name not in ("digest", *left_out)})


COLUMNS = [TABLE.c[field.name] for field in fields(Entry)]


def checked(entry: Entry, where: str) -> Entry:
    """The entry, when it is what was written.

    Raises:
        IntegrityError: when it is not; database and entry are named.
    """
    if entry.format > FORMAT:
        raise IntegrityError(
            f"ledger {where}: entry {entry.sequence} of {entry.problem} was written by a newer Assay (format "
            f"{entry.format}, and this one reads {FORMAT}): bring this clone up to date"
        )
    if not _is_whole(entry):
        raise _damaged(entry, where, "is not what was written")
    return entry


def check_not_taken_from(problem: str, entry: Entry, where: str) -> None:
    """See that an entry of another problem was not one of this problem's: only its digest still says so.

    Raises:
        IntegrityError: when it was.
    """
    if not _is_whole(entry) and _is_whole(replace(entry, problem=problem)):
        raise _damaged(entry, where, f"is not what was written: it was one of {problem}")


def _is_whole(entry: Entry) -> bool:
    try:
        return entry.digest == entry.content_digest()
    except ValueError:  # a number that has become infinite
        return False


def check_chain(entries: list[Entry], where: str) -> None:
    """See that a problem's entries, oldest first, are all there and in their order.

    Raises:
        IntegrityError: naming the first entry whose predecessor is not the one it was written behind.
    """
    before = FIRST
    for number, entry in enumerate(entries, start=1):
        if entry.sequence != number or entry.previous_digest != before:
            raise _damaged(entry, where, "does not follow the entry before it: one was removed, added or changed")
        before = entry.digest


def check_reaches(entries: list[Entry], head: str | None, where: str) -> None:
    """See that a problem's entries, oldest first, still have the one that was last seen outside of the database.

    Args:
        entries: the problem's.
        head: as `Entry.head`; None when nothing was seen yet.
        where: the database.

    Raises:
        IntegrityError: when that one is gone or another, as after an older copy of the database was put back.
    """
    if head is not None and is_head(head) and head not in {entry.head for entry in entries}:
        raise IntegrityError(
            f"ledger {where}: entry {head.partition(' ')[0]}, which the tag {HEAD} of MLflow's registered model names, "
            f"is gone or another, and {len(entries)} are there: restore the database from its newest backup; if it is "
            "the tag that somebody changed, delete the tag, then `assay reconcile`"
        )


def is_head(text: str) -> bool:
    """Whether a text can be the `head` of an entry."""
    return re.fullmatch(r"[1-9]\d* [0-9a-f]{64}", text) is not None


def read_json(text: str) -> Any:
    """A JSON column; text that is no JSON any more is given as it is, for the entry's digest to tell."""
    try:
        return json.loads(text)
    except ValueError:
        return {"damaged": text}


def _damaged(entry: Entry, where: str, what: str) -> IntegrityError:
    return IntegrityError(
        f"ledger {where}: entry {entry.sequence} of {entry.problem} {what}: restore the database from a backup"
    )
