"""How often a comparison errs: models whose true difference is known, counted against what its intervals promise.

Confidence is two-sided and simultaneous. So of equal models 5 % have a cell that leaves 0 out, half of them above it;
and of models exactly at a margin half of 5 % seem to be below it, where there is one cell alone.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from components.core.gate_settings import Margins
from components.fields.evaluation import ELSEWHERE, Loss
from components.gates.comparison import ALL, Cell, Comparison, Standing, compare

TRIALS = 500
IMAGES = 180
SCATTER = 0.2
"""By how much the two models' losses differ from image to image, of the loss."""
SLICED = np.array(["faint", "middle", "bright"])[np.arange(IMAGES) % 3]
WHOLE = np.full(IMAGES, ELSEWHERE)
NO_MARGIN = Margins(margin=0, slice_margin=0, nats_margin=0, nats_slice_margin=0)


def limits(rate: float) -> tuple[float, float]:
    """Between which a share of all trials lies in 99 of 100 cases."""
    low, high = stats.binom.interval(0.99, TRIALS, rate)
    return low / TRIALS, high / TRIALS


def simulated(
    excess: float | np.ndarray,
    slices: np.ndarray,
    *,
    margins: Margins = NO_MARGIN,
    losses: int = 1,
    trials: int = TRIALS,
    seed: int,
) -> Iterator[Comparison]:
    """Comparisons of models whose mean loss is the champion's times 1 + excess (for each image, in an array)."""
    rng = np.random.default_rng(seed)
    for trial in range(trials):
        pairs = []
        for name in range(losses):
            champion = np.abs(rng.standard_normal(IMAGES))
            challenger = champion * (1 + excess + SCATTER * rng.standard_normal(IMAGES))
            pairs.append([Loss(name=f"loss {name}", values=values) for values in (champion, np.abs(challenger))])
        theirs, ours = zip(*pairs, strict=True)
        yield compare(theirs, ours, (slices, slices), margins=margins, resamplings=200, seed=trial)


def test_equal_models_are_told_apart_as_often_as_the_confidence_says_and_half_of_these_are_called_worse() -> None:
    found = list(simulated(0.0, SLICED, losses=2, seed=20))
    apart = [any(not cell.low <= 0 <= cell.high for cell in of.cells) for of in found]
    worse, better = ([of.standing is standing for of in found] for standing in (Standing.WORSE, Standing.BETTER))
    assert {len(of.cells) for of in found} == {8}
    assert limits(0.05)[0] <= np.mean(apart) <= limits(0.05)[1]
    assert limits(0.025)[0] <= np.mean(worse) <= limits(0.025)[1]
    assert np.mean(better) <= limits(0.025)[1]


def test_a_model_exactly_at_the_margin_passes_as_often_as_half_of_what_the_confidence_leaves() -> None:
    margins = Margins(margin=0.1, slice_margin=1, nats_margin=0, nats_slice_margin=0)
    passed = [of.standing is Standing.NOT_WORSE for of in simulated(0.1, WHOLE, margins=margins, seed=22)]
    assert limits(0.025)[0] <= np.mean(passed) <= limits(0.025)[1]


def test_a_model_at_the_margin_in_one_slice_passes_no_more_often_however_good_it_is_elsewhere() -> None:
    margins = Margins(margin=0.02, slice_margin=0.1, nats_margin=0, nats_slice_margin=0)
    excess = np.where(SLICED == "faint", 0.1, -0.3)
    standings = [of.standing for of in simulated(excess, SLICED, margins=margins, seed=23)]
    assert standings.count(Standing.BETTER) + standings.count(Standing.NOT_WORSE) <= limits(0.025)[1] * TRIALS


def test_a_difference_of_the_size_that_could_have_been_seen_is_found_in_four_of_five_cases() -> None:
    seen = float(np.mean([whole(of).seen for of in simulated(0.0, SLICED, trials=100, seed=24)]))
    found = [whole(of).low > 0 for of in simulated(seen, SLICED, seed=25)]
    assert limits(0.8)[0] <= np.mean(found) <= limits(0.8)[1]


def whole(of: Comparison) -> Cell:
    (cell,) = (cell for cell in of.cells if cell.slice == ALL)
    assert cell == of.power
    return cell
