"""Challenger against champion: noise never makes a model better, and a worse one is found out."""

import numpy as np
import pandas as pd
import pytest

from components.core.gate_settings import Margins
from components.core.params import load_settings
from components.fields.evaluation import Loss
from components.gates.comparison import ALL, Comparison, Standing, compare
from components.problems.galaxy_shape.problem import GalaxyShape
from tests.conftest import HOUSE

PARAMETERS = ("flux", "n", "g1")
FLOOR = 1e-3
MARGINS = Margins(margin=0.01, slice_margin=0.05, nats_margin=0.02, nats_slice_margin=0.1)
SLICE = "slice"
SLICES = np.array(["snr10_20", "snr20_40", "snr40_70"])


def losses(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """|error| / bound of a model at the bound: half-normal, the same image's parameters correlated."""
    shared, own = rng.standard_normal((count, 1)), rng.standard_normal((count, len(PARAMETERS)))
    table = pd.DataFrame(np.abs(0.6 * shared + 0.8 * own), columns=list(PARAMETERS))
    table[SLICE] = SLICES[np.arange(count) % len(SLICES)]
    return table


def another(rng: np.random.Generator, champion: pd.DataFrame, factor: float = 1.0, own: float = 0.1) -> pd.DataFrame:
    """A model of its own on the same noise: its losses are the champion's times a factor, but for some scatter."""
    changed = champion.copy()
    scatter = rng.standard_normal((len(champion), len(PARAMETERS)))
    changed[list(PARAMETERS)] *= factor * (1 + own * scatter)
    return changed


def judged(champion: pd.DataFrame, challenger: pd.DataFrame, resamplings: int = 300) -> Comparison:
    return compare(
        of(champion),
        of(challenger),
        (champion[SLICE].to_numpy(), challenger[SLICE].to_numpy()),
        margins=MARGINS,
        resamplings=resamplings,
        seed=1,
    )


def of(table: pd.DataFrame) -> tuple[Loss, ...]:
    """The losses in a table."""
    return tuple(
        Loss(name=name, values=table[name].to_numpy(), floor=FLOOR) for name in map(str, table) if name != SLICE
    )


def test_a_model_that_is_equal_within_noise_is_nearly_never_called_better_or_worse() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        champion = losses(rng, 600)
        found.append(judged(champion, another(rng, champion), resamplings=200).standing)
    assert found.count(Standing.BETTER) <= 10
    assert found.count(Standing.WORSE) <= 10
    assert Standing.NOT_WORSE in found


def test_a_model_that_is_worse_by_two_per_cent_is_worse_with_enough_images() -> None:
    rng = np.random.default_rng(1)
    champion = losses(rng, 8000)
    comparison = judged(champion, another(rng, champion, factor=1.02))
    assert comparison.standing is Standing.WORSE
    assert comparison.deciding.slice == ALL
    assert comparison.deciding.value == pytest.approx(0.02, abs=0.005)


def test_a_model_that_is_worse_in_one_slice_alone_is_worse() -> None:
    rng = np.random.default_rng(2)
    champion = losses(rng, 3000)
    challenger = another(rng, champion, factor=0.97)
    challenger.loc[challenger[SLICE] == "snr10_20", "g1"] *= 1.2
    comparison = judged(champion, challenger)
    assert comparison.standing is Standing.WORSE
    assert comparison.deciding.name == "g1.snr10_20"


def test_a_model_that_is_better_everywhere_is_better_and_few_images_leave_it_open() -> None:
    rng = np.random.default_rng(3)
    champion = losses(rng, 3000)
    assert judged(champion, another(rng, champion, factor=0.9)).standing is Standing.BETTER
    few = losses(rng, 90)
    assert judged(few, another(rng, few, own=0.3)).standing is Standing.INCONCLUSIVE


def test_a_champion_without_any_error_in_a_slice_can_be_replaced() -> None:
    """Nothing is relative to 0: its mean counts as the floor there."""
    champion = losses(np.random.default_rng(8), 300)
    champion.loc[champion[SLICE] == "snr40_70", "n"] = 0.0
    better = champion.copy()
    better[["flux", "g1"]] *= 0.8
    assert judged(champion, better).standing is Standing.BETTER
    slightly = better.copy()
    slightly.loc[slightly[SLICE] == "snr40_70", "n"] = 0.01 * FLOOR
    assert judged(champion, slightly).standing is Standing.BETTER
    slightly.loc[slightly[SLICE] == "snr40_70", "n"] = FLOOR
    comparison = judged(champion, slightly)
    assert (comparison.standing, comparison.deciding.name) == (Standing.WORSE, "n.snr40_70")


@pytest.mark.parametrize(
    ("apart", "standing"), [(-0.05, Standing.BETTER), (0.0, Standing.NOT_WORSE), (0.05, Standing.WORSE)]
)
def test_a_log_score_is_compared_in_nats_whatever_its_level(apart: float, standing: Standing) -> None:
    rng = np.random.default_rng(9)
    score = rng.standard_normal(4000)
    for level in (-3.0, 0.0, 500.0):  # a mean of 0 or below is nothing to be relative to
        champion = Loss(name="log_score", values=score + level, scale="absolute")
        challenger = Loss(name="log_score", values=champion.values + apart, scale="absolute")
        slices = np.full(len(score), "snr20_40")
        found = compare([champion], [challenger], (slices, slices), margins=MARGINS, resamplings=200, seed=1)
        assert found.standing is standing
        assert {cell.margin for cell in found.cells} == {0.02, 0.1}
        for cell in found.cells:
            assert cell.value == pytest.approx(apart, abs=1e-9)


def test_a_loss_says_what_it_cannot_be() -> None:
    with pytest.raises(ValueError, match="scale = 'relativ': must be relative or absolute"):
        Loss(name="x", values=np.ones(3), scale="relativ")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="loss x: -2 is below 0"):
        Loss(name="x", values=np.array([1.0, -2.0]))


def test_the_same_model_is_not_worse_than_itself() -> None:
    champion = losses(np.random.default_rng(4), 300)
    comparison = judged(champion, champion)
    assert comparison.standing is Standing.NOT_WORSE
    assert {(cell.low, cell.value, cell.high) for cell in comparison.cells} == {(0.0, 0.0, 0.0)}
    assert {cell.margin for cell in comparison.cells} == {0.01, 0.05}
    assert comparison.as_json()["standing"] == "not worse"


def test_two_equal_models_are_not_worse_at_the_size_that_is_shipped() -> None:
    """Their losses differ by 10 % from image to image: in four of five cases not worse, and hardly ever better."""
    shipped = load_settings(HOUSE / "params.yaml", "galaxy-shape", GalaxyShape.settings).gates
    rng = np.random.default_rng(12)
    champion = losses(rng, shipped.fresh_images)
    found = []
    for _ in range(200):
        challenger, slices = another(rng, champion), champion[SLICE].to_numpy()
        comparison = compare(
            of(champion), of(challenger), (slices, slices),
            margins=shipped.over_production, resamplings=100, seed=1,
        )  # fmt: skip
        found.append(comparison.standing)
    assert found.count(Standing.NOT_WORSE) >= 160
    assert found.count(Standing.BETTER) <= 10
