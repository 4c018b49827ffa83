"""The anchor: the best version that a problem ever had in production, which no later one may fall too far behind.

    version = best_ever(ledger.history(name), registry.tags(name))

Each challenger may be a little worse than production, within what a comparison can see, and forty of them a lot worse
than the first. So each is held against this one, too, with a margin of its own (`gates.over_best`).
"""

from collections.abc import Collection, Sequence

from components.gates import COMPARED_WITH, Standing
from components.ledger import PRODUCTION, Entry, current_entries


def best_ever(history: Sequence[Entry], registered: Collection[int] | None = None) -> int | None:
    """The first version in production, or the last of those that were each found better than the one before.

    One that production was rolled back from since it was promoted, or that somebody archived, does not count.

    Args:
        history: a problem's entries, oldest first.
        registered: the versions that there still are; all by default.
    """
    withdrawn: set[int] = set()
    for entry in history:
        if entry.action == "rollback":
            withdrawn.add(entry.evidence["rolled_back_from"])
        elif entry.action == "promote" and entry.to_stage == PRODUCTION:
            withdrawn.discard(entry.version)
    withdrawn |= {version for version, entry in current_entries(history).items() if entry.action == "archive"}
    best: int | None = None
    for entry in history:
        if entry.action != "promote" or entry.to_stage != PRODUCTION or entry.version in withdrawn:
            continue
        if registered is not None and entry.version not in registered:
            continue
        if best is None or _found_better(entry, best):
            best = entry.version
    return best


def _found_better(entry: Entry, best: int) -> bool:
    details = [gate.get("details", {}) for gate in entry.evidence.get("gates", ())]
    return any(of.get(COMPARED_WITH) == best and of.get("standing") == Standing.BETTER for of in details)
