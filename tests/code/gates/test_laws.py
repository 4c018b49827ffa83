"""What holds of every comparison: units, order and sides are irrelevant, and intervals are those of a Gaussian mean."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from components.core.gate_settings import Margins
from components.fields.evaluation import ELSEWHERE, Loss
from components.gates.comparison import ALL, Comparison, compare

MARGINS = Margins(margin=0.01, slice_margin=0.05, nats_margin=0.02, nats_slice_margin=0.1)
COUNT = 150
SLICES = np.array(["faint", "middle", "bright"])[np.arange(COUNT) % 3]
NAMES = ("flux", "g1")
SEEDS = st.integers(0, 2**32 - 1)


def pair(seed: int) -> tuple[list[Loss], list[Loss]]:
    """Losses of a champion and of a challenger that is some per cent better or worse, by chance."""
    rng = np.random.default_rng(seed)
    factor = 1 + 0.1 * rng.standard_normal()
    champion = [Loss(name=name, values=rng.gamma(2.0, 0.5, COUNT)) for name in NAMES]
    jitter = [np.exp(0.1 * rng.standard_normal(COUNT)) for _ in NAMES]
    return champion, [
        replace(loss, values=loss.values * factor * by) for loss, by in zip(champion, jitter, strict=True)
    ]


def compared(
    champion: list[Loss], challenger: list[Loss], slices: np.ndarray = SLICES, *, seed: int = 1, resamplings: int = 50
) -> Comparison:
    return compare(champion, challenger, (slices, slices), margins=MARGINS, resamplings=resamplings, seed=seed)


@given(SEEDS)
def test_a_difference_is_that_of_the_means_in_each_slice_over_the_champions(seed: int) -> None:
    champion, challenger = pair(seed)
    cells = compared(champion, challenger).cells
    assert len(cells) == len(NAMES) * 4
    for cell in cells:
        rows = np.array([cell.slice in (ALL, name) for name in SLICES])
        theirs, ours = (losses[NAMES.index(cell.loss)].values[rows].mean() for losses in (champion, challenger))
        assert cell.value == pytest.approx(ours / theirs - 1, abs=1e-12)
        assert cell.images == rows.sum()
        assert cell.value - cell.low == pytest.approx(cell.high - cell.value)
        assert cell.high - cell.value < cell.seen


@given(SEEDS, st.integers(-30, 30))
def test_the_unit_of_a_relative_loss_is_irrelevant(seed: int, power: int) -> None:
    """By powers of two, so that not even the last bit may change."""
    first, other = pair(seed)
    scaled, other_scaled = (
        [replace(loss, values=loss.values * 2.0**power) for loss in losses] for losses in (first, other)
    )
    assert compared(scaled, other_scaled) == compared(first, other)


@given(SEEDS)
def test_of_two_log_scores_each_loses_what_the_other_gains(seed: int) -> None:
    first, other = ([replace(loss, scale="absolute") for loss in losses] for losses in pair(seed))
    for there, back in zip(compared(first, other).cells, compared(other, first).cells, strict=True):
        assert (back.value, back.low, back.high, back.seen) == (-there.value, -there.high, -there.low, there.seen)


@given(SEEDS, st.permutations(range(COUNT)))
@settings(max_examples=30)
def test_the_order_of_images_changes_no_difference_and_no_interval_but_by_the_draw(seed: int, order: list[int]) -> None:
    first, other = pair(seed)
    moved, other_moved = ([replace(loss, values=loss.values[order]) for loss in losses] for losses in (first, other))
    one = compared(first, other, resamplings=400).cells
    again = compared(moved, other_moved, SLICES[order], resamplings=400).cells
    for cell, same in zip(one, again, strict=True):
        assert (same.loss, same.slice, same.images) == (cell.loss, cell.slice, cell.images)
        assert same.value == pytest.approx(cell.value, abs=1e-12)
        assert same.high - same.value == pytest.approx(cell.high - cell.value, rel=0.4)


@given(SEEDS, st.floats(0, 0.2), st.floats(0, 0.2))
def test_what_passes_passes_with_wider_margins_too(seed: int, margin: float, more: float) -> None:
    first, other = pair(seed)

    def passes(margin: float) -> bool:
        margins = Margins(margin=margin, slice_margin=2 * margin, nats_margin=0, nats_slice_margin=0)
        found = compare(first, other, (SLICES, SLICES), margins=margins, resamplings=50, seed=1)
        return found.standing in ("better", "not worse")

    assert passes(margin + more) >= passes(margin)


def test_the_same_seed_draws_the_same_intervals_and_another_seed_others() -> None:
    losses = pair(0)
    assert compared(*losses, seed=5) == compared(*losses, seed=5)
    assert {cell.high for cell in compared(*losses, seed=5).cells}.isdisjoint(
        cell.high for cell in compared(*losses, seed=6).cells
    )


def test_of_one_cell_the_interval_is_that_of_a_gaussian_mean_and_eighty_per_cent_are_found_at_its_power() -> None:
    """1.96 standard errors on either side, and 0.84 more for what could have been seen."""
    scores = np.random.default_rng(3).standard_normal((2, 2000))
    first, other = (Loss(name="log_score", values=values, scale="absolute") for values in scores)
    (cell,) = compared([first], [other], np.full(2000, ELSEWHERE), resamplings=4000).cells
    error = (other.values - first.values).std() / np.sqrt(2000)
    assert cell.high - cell.value == pytest.approx(stats.norm.ppf(0.975) * error, rel=0.05)
    assert cell.seen == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error, rel=0.05)


def test_of_many_cells_the_interval_is_wider_and_no_wider_than_bonferronis() -> None:
    """Five slices and the whole: each must hold nearly as if six were independent."""
    scores = np.random.default_rng(4).standard_normal((2, 2000))
    first, other = (Loss(name="log_score", values=values, scale="absolute") for values in scores)
    slices = np.array([*"abcde"])[np.arange(2000) % 5]
    cell = compared([first], [other], slices, resamplings=4000).cells[0]
    reach = (cell.high - cell.value) / ((other.values - first.values).std() / np.sqrt(2000))
    assert stats.norm.ppf(1 - 0.025 / 5) < reach < stats.norm.ppf(1 - 0.025 / 6) * 1.05


def test_each_margin_decides_about_its_own_cells_and_no_others() -> None:
    """Losses that are 0.1 higher on every image: only cells whose own margin is below are beyond it."""
    wide = {"margin": 0.5, "slice_margin": 0.5, "nats_margin": 0.5, "nats_slice_margin": 0.5}
    for scale, whole, within in (
        ("relative", "margin", "slice_margin"),
        ("absolute", "nats_margin", "nats_slice_margin"),
    ):
        champion = [Loss(name="x", values=np.ones(COUNT), scale=scale)]  # type: ignore[arg-type]
        challenger = [replace(champion[0], values=champion[0].values + 0.1)]
        for narrow in wide:
            margins = Margins(**{**wide, narrow: 0.05})
            found = compare(champion, challenger, (SLICES, SLICES), margins=margins, resamplings=50, seed=1)
            beyond = {cell.slice == ALL for cell in found.cells if cell.high > cell.margin}
            assert beyond == ({True} if narrow == whole else {False} if narrow == within else set())
            assert found.standing == ("worse" if beyond else "not worse")
