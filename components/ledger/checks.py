"""What a stage change must be before it is written: checks that refuse in one line, and what they say.

    check_new(current, version, weights_sha256)          # raises KnownWeightsError
    check_unmoved(own, "production", since)              # raises RefusedError

Only `ledger.py` uses them.
"""

import json
from collections.abc import Mapping
from typing import Any

from components.core import AssayError, RefusedError
from components.ledger.actions import COLLECTED
from components.ledger.stages import PRODUCTION, STAGES
from components.ledger.table import Entry


class KnownWeightsError(RefusedError):
    """A network is in the ledger already, under another number."""

    def __init__(self, entry: Entry, version: int) -> None:
        self.version = entry.version
        super().__init__(
            f"{entry.problem} version {version} has the weights of version {entry.version}: a network has one number"
        )


def known_stage(stage: str) -> str:
    """The name of a stage that there is."""
    if stage not in STAGES:
        raise AssayError(f"stage {stage!r} does not exist: use one of {', '.join(STAGES)}")
    return stage


def check_words(problem: str, version: int, to_stage: str, reason: str, facts: list[Any]) -> None:
    """Raise an AssayError for a stage that there is not, an empty reason, or facts that are not JSON."""
    known_stage(to_stage)
    if not reason.strip():
        raise AssayError(f"{problem} version {version} to {to_stage}: the reason is empty: say why, with --reason")
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssayError(f"the evidence for {problem} version {version} is not JSON ({error})") from error


def check_new(current: Mapping[int, Entry], version: int, weights_sha256: str) -> None:
    """Refuse to register a network twice; one whose files were deleted may come again, under a new number."""
    for entry in current.values():
        if entry.weights_sha256 == weights_sha256 and entry.action != COLLECTED:
            raise KnownWeightsError(entry, version)


def check_unmoved(own: Entry | None, to_stage: str, since: str | None) -> None:
    """Refuse to move a version that was moved since the decision, or out of production."""
    if own is not None and since not in (None, own.digest):
        raise RefusedError(
            f"{own.problem} version {own.version} was moved meanwhile, to {own.to_stage} by {own.actor} "
            f"({own.reason}): see `assay history {own.problem}`, then decide again"
        )
    if own is not None and own.to_stage == PRODUCTION != to_stage:
        raise RefusedError(
            f"{own.problem} version {own.version} is in production since {own.at} (moved by {own.actor}), which must "
            f"not be left empty: promote another version, or `assay rollback {own.problem}`"
        )


def refusal(problem: str, stage: str, held: Entry | None, expect: int | None) -> str:
    """What to say of a stage that is not held by whom the caller believes."""
    believed = f"version {expect} was" if expect is not None else "nobody was"
    if held is None:
        return f"{stage} of {problem} is empty and {believed} expected there: see `assay history {problem}`"
    return (
        f"{stage} of {problem} is held by version {held.version} since {held.at} (moved by {held.actor}) "
        f"and {believed} expected there: see `assay history {problem}`, then --expect {held.version}"
    )
