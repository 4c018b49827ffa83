"""What the cells of a comparison come to: the standing, the cell that it rests on, and the one that says its power."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gates.comparison import ALL, Against, Cell, Comparison, Standing

RANK = {Standing.WORSE: 0, Standing.INCONCLUSIVE: 1, Standing.NOT_WORSE: 2, Standing.BETTER: 2}
"""The higher, the nearer to passing; whether a model is better asks for no margin."""


def cell(low: float, high: float, *, margin: float = 0.1, of: str = ALL, loss: str = "flux", seen: float = 0.1) -> Cell:
    value = (low + high) / 2
    return Cell(loss=loss, slice=of, images=100, value=value, low=low, high=high, margin=margin, seen=seen)


ENDS = st.sampled_from([-0.2, -0.1, 0.0, 0.05, 0.1, 0.2, 0.3])
CELLS = st.builds(
    lambda ends, margin, of: cell(min(ends), max(ends), margin=margin, of=of),
    st.tuples(ENDS, ENDS),
    st.sampled_from([0.0, 0.05, 0.1, 0.2]),
    st.sampled_from([ALL, "faint", "bright"]),
)
MANY = st.lists(CELLS, min_size=1, max_size=6).map(lambda cells: (cell(-0.1, 0.05), *cells))


@pytest.mark.parametrize(
    ("cells", "standing"),
    [
        ([cell(-0.3, -0.1)], Standing.BETTER),
        ([cell(-0.3, 0.0)], Standing.NOT_WORSE),
        ([cell(-0.1, 0.1)], Standing.NOT_WORSE),  # up to the margin, and not beyond it
        ([cell(0.05, 0.1)], Standing.NOT_WORSE),  # significant, and within the margin all the same
        ([cell(0.05, 0.11)], Standing.WORSE),
        ([cell(0.0, 0.11)], Standing.INCONCLUSIVE),
        ([cell(-0.1, 0.11)], Standing.INCONCLUSIVE),
        ([cell(1.5, 1.6)], Standing.WORSE),
        ([cell(-0.1, 0.05), cell(-0.3, -0.2, of="faint")], Standing.NOT_WORSE),  # a slice makes nothing better
        ([cell(-0.3, -0.2), cell(-0.1, 0.2, of="faint")], Standing.INCONCLUSIVE),
        ([cell(-0.3, -0.2), cell(0.05, 0.2, of="faint")], Standing.WORSE),
        ([cell(-0.3, -0.2), cell(0.05, 0.2, of="faint", margin=0.2)], Standing.BETTER),
        ([cell(0.05, 0.1), cell(-0.1, 0.2)], Standing.INCONCLUSIVE),  # no cell is worse and significant at once
        ([cell(-0.1, 0.05), cell(-0.3, -0.2, loss="g1")], Standing.BETTER),
    ],
)
def test_worse_in_one_cell_is_worse_and_not_worse_takes_all(cells: list[Cell], standing: Standing) -> None:
    assert Comparison(cells=tuple(cells)).standing is standing
    assert Comparison(cells=tuple(reversed(cells))).standing is standing


@pytest.mark.parametrize(
    ("first", "other"),
    [
        # Better: the whole that is best, though a slice is better yet.
        (cell(-0.3, -0.2), cell(-0.2, -0.1, loss="g1")),
        (cell(-0.2, -0.2), cell(-0.6, -0.1, loss="g1")),
        (cell(-0.3, -0.2), cell(-0.6, -0.5, of="faint")),
        # Worse: of the cells that are, the one farthest beyond its margin, though another reaches farther.
        (cell(0.05, 0.2), cell(-0.1, 0.5, of="faint")),
        (cell(0.05, 0.2), cell(0.0, 0.5, of="faint")),
        (cell(0.05, 0.3), cell(0.05, 0.2, of="faint")),
        (cell(0.05, 0.2, margin=0.01), cell(0.05, 0.3, margin=0.25, of="faint")),
        # Nobody can say: the cell farthest beyond its margin; one that is worse within the margin is not meant.
        (cell(-0.1, 0.3), cell(-0.1, 0.2, of="faint")),
        (cell(-0.1, 0.11), cell(0.05, 0.1, of="faint")),
        (cell(-0.1, 0.2, margin=0.01), cell(-0.1, 0.3, margin=0.2, of="faint")),
        # Not worse: the cell nearest to its margin.
        (cell(-0.1, 0.05, margin=0.06), cell(-0.1, 0.08, margin=0.2, of="faint")),
    ],
)
def test_the_deciding_cell_is_the_one_that_the_standing_rests_on(first: Cell, other: Cell) -> None:
    assert Comparison(cells=(first, other)).deciding == first
    assert Comparison(cells=(other, first)).deciding == first


def test_the_power_is_that_of_the_whole_in_which_least_can_be_seen_for_its_margin() -> None:
    def weakest(*seen_over_margin: tuple[float, float]) -> int:
        cells = [cell(-0.1, 0.1, seen=seen, margin=margin) for seen, margin in seen_over_margin]
        slice_of_it = cell(-0.1, 0.1, seen=9.0, of="faint")
        return cells.index(Comparison(cells=(slice_of_it, *cells)).power)

    assert weakest((0.02, 0.01), (0.03, 0.02)) == 0
    assert weakest((0.03, 0.02), (0.02, 0.01)) == 1
    assert weakest((0.03, 0.0), (0.02, 1.0)) == 0  # no margin: the difference itself
    assert weakest((0.02, 0.0), (0.03, 1.0)) == 1


@given(MANY, st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.5]), min_size=7, max_size=7))
def test_wider_margins_never_make_a_standing_less(cells: tuple[Cell, ...], more: list[float]) -> None:
    wider = [
        cell(one.low, one.high, margin=one.margin + by, of=one.slice) for one, by in zip(cells, more, strict=False)
    ]
    assert RANK[Comparison(cells=tuple(wider)).standing] >= RANK[Comparison(cells=cells).standing]


@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_cells_is_irrelevant(cells: tuple[Cell, ...], random: Random) -> None:
    shuffled = list(cells)
    random.shuffle(shuffled)
    one, other = Comparison(cells=cells), Comparison(cells=tuple(shuffled))
    assert one.standing is other.standing
    assert one.deciding.high - one.deciding.margin == other.deciding.high - other.deciding.margin


@given(MANY)
def test_what_passes_is_exactly_what_lies_within_every_margin(cells: tuple[Cell, ...]) -> None:
    passes = Comparison(cells=cells).standing in (Standing.BETTER, Standing.NOT_WORSE)
    assert passes == all(one.high <= one.margin for one in cells)


def test_names_are_those_that_messages_show() -> None:
    assert str(Against(who="champion", version=2)) == "production, version 2"
    assert str(Against(who="best", version=1)) == "version 1, the best in production so far"
    assert cell(0.0, 0.1, of="faint").name == "flux.faint"


def test_the_ledger_keeps_the_standing_and_every_cell() -> None:
    kept = Comparison(cells=(cell(-0.25, 0.25),)).as_json()
    numbers = {"value": 0.0, "low": -0.25, "high": 0.25, "margin": 0.1, "seen": 0.1}
    assert kept == {"standing": "inconclusive", "cells": [{"loss": "flux", "slice": "all", "images": 100, **numbers}]}
