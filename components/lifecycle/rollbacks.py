"""Go back to the last good version: what it takes is the ledger and the version's package.

rollback(Stages(workspace, problem, settings), actor="ada", reason="it was better before")
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.core import AssayError, RefusedError
from components.ledger import PRODUCTION, REPACKAGED, ROLLBACK, Entry, current_entries, entry_in_stage, last_good
from components.lifecycle.cards import show_cards
from components.lifecycle.package_files import package_of
from components.lifecycle.stages import Stages


def rollback(stages: Stages, *, actor: str, reason: str, expect: int | None = None) -> Entry:
    """Bring the last good version back to production: its package is proved, its gates are history.

    The package is that of the ledger, whatever became of the dataset and of MLflow, which is told afterwards where it
    can be (`Stages.unshown`); it is fetched from MLflow's files where this machine has not got it. A rollback that was
    killed before MLflow knew is finished; after a finished one, only who names the version that it brought back
    goes back further: two people in a hurry must not go back two versions.

    Args:
        stages: those of the problem.
        actor: who wants it.
        reason: why.
        expect: who is believed to be in production; by default whoever got there otherwise than by a rollback.

    Raises:
        IntegrityError: when the ledger is damaged, or an older one than MLflow has seen.
        RefusedError: when there is no such version, its package does not answer as it did, or production is held
            by another version than expected.
    """
    name = stages.problem.name
    stages.check_ledger(witnessed=False)
    history = stages.ledger.history(name)
    current = current_entries(history)
    target, held = last_good(history), entry_in_stage(current, PRODUCTION)
    if expect is not None:
        stages.ledger.require_holder(name, PRODUCTION, expect)
    elif held is not None and (back := _came_back(history, held)) is not None:
        return _finish(stages, back)
    if held is None or target is None:
        raise RefusedError(f"{name} has no earlier good version to go back to: see `assay history {name}`")
    with stages.telling_refusals(target, PRODUCTION, actor=actor):
        before = current[target]
        package = package_of(stages.workspace, before)
        return stages.enter(
            target,
            PRODUCTION,
            action=ROLLBACK,
            actor=actor,
            reason=reason,
            expect=held.version,
            since=before.digest,
            evidence={"rolled_back_from": held.version, "proof": stages.prove(package)},
            package=package,
            override=before.override or _overruled_there(history, target),
        )


def _came_back(history: Sequence[Entry], held: Entry) -> Entry | None:
    """The rollback by which a version is in production; None when it got there otherwise."""
    decisions = [entry for entry in history if entry.version == held.version and entry.action != REPACKAGED]
    return decisions[-1] if decisions[-1].action == ROLLBACK else None


def _overruled_there(history: Sequence[Entry], version: int) -> Mapping[str, Any] | None:
    """By which override a version was in production: no gate is asked now, so that it stands whatever came since."""
    there = [entry for entry in history if (entry.version, entry.to_stage) == (version, PRODUCTION)]
    return there[-1].override


def _finish(stages: Stages, held: Entry) -> Entry:
    """Tell of a rollback that was killed before it had; refused when there is nothing left to tell."""
    try:
        moved = {held.version, *([held.previous_version] if held.previous_version else [])}
        untold = [*stages.mirror(only=moved), *show_cards(stages.workspace, held.problem, sorted(moved))]
    except AssayError:
        untold = []  # MLflow cannot be asked what it shows: whoever goes back further says from where
    if not untold:
        raise RefusedError(
            f"{held.problem} was rolled back to version {held.version} by {held.actor} at {held.at} already: "
            f"say --expect {held.version} to go back further"
        )
    stages.tell_changes()
    return held
