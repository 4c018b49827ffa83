"""The anchor: the best version that a problem ever had in production, which no later one may fall too far behind.

    version = best_ever(ledger.history(name), registry.tags(name))

Each challenger may be a little worse than production, within what a comparison can see, and forty of them a lot worse
than the first. So each is held against this one, too, with a margin of its own (`gates.over_best`).
"""

from collections.abc import Collection, Sequence

from components.gates import COMPARED_WITH, Standing
from components.ledger import COLLECTED, PRODUCTION, PROMOTE, Entry, current_entries, withdrawn


def best_ever(history: Sequence[Entry], registered: Collection[int] | None = None) -> int | None:
    """The first version in production, or the last of those that were each found better than the one before.

    One that production was rolled back from since it was promoted, or that somebody archived, does not count, under
    whatever number its weights are known.

    Args:
        history: a problem's entries, oldest first.
        registered: the versions that there still are; all by default.
    """
    against, current = withdrawn(history), current_entries(history)
    best: int | None = None
    for entry in history:
        if entry.action != PROMOTE or entry.to_stage != PRODUCTION or entry.weights_sha256 in against:
            continue
        if current[entry.version].action == COLLECTED:
            continue
        if registered is not None and entry.version not in registered:
            continue
        if best is None or _found_better(entry, best):
            best = entry.version
    return best


def _found_better(entry: Entry, best: int) -> bool:
    details = [gate.get("details", {}) for gate in entry.evidence.get("gates", ())]
    return any(of.get(COMPARED_WITH) == best and of.get("standing") == Standing.BETTER for of in details)
