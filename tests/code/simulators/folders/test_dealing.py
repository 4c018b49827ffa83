"""Splits of groups: none is torn apart, every split has its share, and names alone decide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import AssayError
from components.simulators.folders.dealing import deal

SHARES = {"validation": 0.1, "test": 0.2, "confirmation": 0.1}


@given(sizes=st.lists(st.integers(1, 6), min_size=4, max_size=60), seed=st.integers(0, 99), classes=st.integers(1, 3))
def test_groups_stay_together_and_no_split_is_empty(sizes: list[int], seed: int, classes: int) -> None:
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    labels = [f"c{int(group[1:]) % classes}" for group in groups]
    if min(sum(number % classes == of for number in range(len(sizes))) for of in range(classes)) < 4:
        with pytest.raises(AssayError, match="each of the 4 splits needs one"):
            deal(groups, labels, shares=SHARES, seed=seed)
        return
    splits = deal(groups, labels, shares=SHARES, seed=seed)
    assert len({(group, split) for group, split in zip(groups, splits, strict=True)}) == len(sizes)
    for label in set(labels):
        of = [split for split, its in zip(splits, labels, strict=True) if its == label]
        assert set(of) == {"train", *SHARES}
        for split, share in SHARES.items():
            assert of.count(split) <= round(len(of) * share) + max(sizes)
    order = sorted(range(len(groups)), key=lambda row: (groups[row], row))
    again = deal([groups[row] for row in order], [labels[row] for row in order], shares=SHARES, seed=seed)
    assert again == [splits[row] for row in order]
