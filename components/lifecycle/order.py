"""Which way a version may go, by a problem's history alone; what it is worth is judged elsewhere.

check_order(history, "galaxy-shape", 3, "production")          # raises RefusedError
champion, first = compared_with(history, "galaxy-shape", 3, expect=2, first=False)
"""

from collections.abc import Sequence

from components.core import AssayError, RefusedError
from components.ledger import (
    ARCHIVE,
    ARCHIVED,
    CANDIDATE,
    COLLECTED,
    PRODUCTION,
    PROMOTABLE,
    STAGING,
    Entry,
    current_entries,
    last_good,
    withdrawn,
)


def check_order(history: Sequence[Entry], problem: str, version: int, stage: str) -> None:
    """See that a version is there, and where the next stage is this one.

    Raises:
        RefusedError: when it is not.
        AssayError: when nothing is promoted to such a stage.
    """
    if stage not in PROMOTABLE:
        raise AssayError(f"stage {stage!r}: promote to {' or '.join(PROMOTABLE)}")
    been = [entry.to_stage for entry in history if entry.version == version]
    now = been[-1] if been else "in no stage"
    if been:
        _check_there(current_entries(history)[version])
    if stage == PRODUCTION and (now == CANDIDATE or not set(been) & set(PROMOTABLE)):
        raise RefusedError(f"{problem} version {version} is {now}: promote it to staging first")
    if stage == STAGING and now == PRODUCTION:
        raise RefusedError(f"{problem} version {version} is in production, past staging already")


def check_free(history: Sequence[Entry], entry: Entry) -> None:
    """See that nobody's word stands against a version, under whatever number its weights were registered.

    Raises:
        RefusedError: when somebody archived it or production was rolled back from it, or its files were deleted.
    """
    _check_there(entry)
    name, version = entry.problem, entry.version
    back = f"`assay promote {name} {version} --to {PRODUCTION} --reason …` brings it back"
    if entry.weights_sha256 in withdrawn(history):
        others = {known.version for known in history if known.weights_sha256 == entry.weights_sha256} - {version}
        also = f" (as version {', '.join(map(str, sorted(others)))}, too)" if others else ""
        raise RefusedError(
            f"{name} version {version} was archived or rolled back from{also}, and these inputs make no other: {back}"
        )
    if entry.to_stage == ARCHIVED:
        raise RefusedError(f"{name} version {version} was archived and these inputs make no other: {back}")


def compared_with(
    history: Sequence[Entry], problem: str, version: int, *, expect: int | None, first: bool
) -> tuple[int | None, bool]:
    """Whom a version is compared with for production, and whether there is nobody.

    It is who the ledger will expect there, so that nobody else can slip in between; for the version that is there
    already, whose override is renewed or done with, it is whom a rollback would bring back. Where somebody archived
    or deleted that one, it is the same nevertheless: an override ends by gates that pass, not by their absence.

    Raises:
        RefusedError: when it is said to be the first and is not, whatever became of the others.
    """
    own = {entry.weights_sha256 for entry in history if entry.version == version}
    # The same network under another number, as older ledgers have it, would be compared with itself.
    others = [e.version for e in history if e.to_stage == PRODUCTION and e.weights_sha256 not in own]
    if first and others:
        raise RefusedError(f"{problem} version {others[-1]} was in production: leave out --first")
    if expect != version:
        return expect, first
    if not others:
        return None, True
    # Those that production was rolled back from come last: it is easy to be as good as they.
    good = last_good(history) or last_good([e for e in history if e.action not in (ARCHIVE, COLLECTED)])
    return good or others[-1], False


def _check_there(entry: Entry) -> None:
    if entry.action == COLLECTED:
        again = f"`assay run {entry.problem}` makes another"
        raise RefusedError(f"the files of {entry.problem} version {entry.version} were deleted by gc: {again}")
