"""Who goes into which split: groups as a whole, each class by its shares, by chance that depends on names alone.

splits = deal(groups, labels, shares={"test": 0.2, …}, seed=7)
"""

import hashlib
from collections.abc import Mapping, Sequence

from components.core import AssayError
from components.fields import SPLITS

__label__ = "dealing"

_LEARNED = SPLITS[0]


def deal(groups: Sequence[str], labels: Sequence[str | None], *, shares: Mapping[str, float], seed: int) -> list[str]:
    """The split of each picture.

    Groups are shuffled by a digest of their names and the seed; the first go to the held-out splits until each has its
    share of a class, at least one group of it, and what is left is learned from.

    Args:
        groups: of each picture.
        labels: of each; a group's class is that of its first picture.
        shares: of every split but the one that is learned from.
        seed: another one deals otherwise.

    Raises:
        AssayError: when there are too few groups of a class for one in each split.
    """
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    classes: dict[str | None, list[str]] = {}
    for group in sorted(members, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()):
        classes.setdefault(labels[members[group][0]], []).append(group)
    splits = [_LEARNED] * len(groups)
    for label, shuffled in classes.items():
        if len(shuffled) <= len(shares):
            of = (
                f"class {label!r} has {len(shuffled)} groups of pictures"
                if label is not None
                else (f"there are {len(shuffled)} groups of pictures")
            )
            raise AssayError(f"{of}, and each of the {len(SPLITS)} splits needs one: add pictures of others")
        total = sum(len(members[group]) for group in shuffled)
        waiting = list(shuffled)
        for split, share in shares.items():
            wanted, given = max(1, round(total * share)), 0
            # One group at least is kept for each split that follows, the one that is learned from included.
            after = len(shares) - list(shares).index(split)
            while given < wanted and len(waiting) > after:
                group = waiting.pop(0)
                for row in members[group]:
                    splits[row] = split
                given += len(members[group])
    return splits
