"""Evidence of calibration, failure and trust: right for a model that is right, and not for one that is not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch

from components.core.errors import AssayError, TooFewDrawsError
from components.core.settings import EvaluateSettings, ProblemSettings
from components.evidence.intervals import difference
from components.evidence.numbers import reference
from components.evidence.numbers.answers import Answers, ask, joined
from components.evidence.numbers.calibration import (
    coverage_metrics,
    rank_metrics,
    rank_table,
    slope_metrics,
)
from components.evidence.numbers.reference import posterior_reference, ratio_of_means
from components.evidence.numbers.reliable_range import reliable_range, reliable_values
from components.evidence.numbers.scores import RANKS
from components.evidence.numbers.settings import NumbersSettings
from components.fields.presenting import Batch, presented
from models.fields import Arrays
from tests.answers import stated

TRUTHS = ("flux", "n")


def gaussian_answers(stated_sd: float, shift: float = 0.0, count: int = 6000) -> Answers:
    """Answers whose errors have sd 1, stated as if they had another; the first half of the images is called faint."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 3, (count, 2))
    seen = torch.from_numpy(truth + shift + rng.normal(0, 1, truth.shape)).float()

    def answer(inputs: Arrays, targets: Arrays) -> dict[str, torch.Tensor]:
        value = inputs["image"]
        snr = torch.where(inputs["number"] < count / 2, 15.0, 60.0)
        return {**stated(value, torch.full_like(value, stated_sd), TRUTHS, targets), "snr": snr}

    def batches() -> Iterator[Batch]:
        for rows in torch.split(torch.arange(count), 500):
            targets = dict(zip(TRUTHS, torch.from_numpy(truth[rows]).float().T, strict=True))
            yield Batch({"image": seen[rows], "number": rows}, targets)

    return ask(answer, batches(), TRUTHS, truth=truth, bound=np.ones_like(truth))


def everything(answers: Answers) -> dict[str, Any]:
    """All images, and those that are called faint."""
    return {"fresh": np.ones(len(answers.truth), dtype=bool), "faint": answers.snr < 20}


def test_right_errors_are_found_right() -> None:
    answers = gaussian_answers(1.0)
    slices = everything(answers)
    metrics = coverage_metrics(answers, slices, TRUTHS)
    for truth in TRUTHS:
        assert metrics[f"posterior.coverage68.fresh.{truth}"].value == pytest.approx(0.68, abs=0.02)
        assert metrics[f"posterior.coverage95.faint.{truth}"].value == pytest.approx(0.95, abs=0.02)
    assert metrics["posterior.coverage68.worst"].low < 0.68 < metrics["posterior.coverage68.worst"].high
    table = rank_table(answers, slices, TRUTHS)
    assert table.groupby(["slice", "truth"])["count"].sum().to_dict() == {
        ("fresh", "flux"): 6000, ("fresh", "n"): 6000, ("faint", "flux"): 3000, ("faint", "n"): 3000,
    }  # fmt: skip
    assert len(table) == 4 * RANKS
    assert rank_metrics(table)["posterior.ranks.worst"].low == 0


@pytest.mark.parametrize(("stated_sd", "shift"), [(0.7, 0.0), (1.5, 0.0), (1.0, 0.5)])
def test_wrong_errors_are_found_out(stated_sd: float, shift: float) -> None:
    answers = gaussian_answers(stated_sd, shift)
    slices = everything(answers)
    coverage, ranks = coverage_metrics(answers, slices, TRUTHS), rank_metrics(rank_table(answers, slices, TRUTHS))
    for cell in ("fresh.flux", "faint.n", "worst"):
        assert not coverage[f"posterior.coverage68.{cell}"].low <= 0.68 <= coverage[f"posterior.coverage68.{cell}"].high
        assert ranks[f"posterior.ranks.{cell}"].low > 0


def test_errors_that_are_wrong_in_one_slice_alone_are_the_worst() -> None:
    right, wrong = gaussian_answers(1.0), gaussian_answers(0.6)
    faint = right.snr < 20
    mixed = joined([wrong.of(faint), right.of(~faint)])
    worst = coverage_metrics(mixed, everything(mixed), TRUTHS)["posterior.coverage68.worst"]
    assert worst.high < 0.55
    few = joined([right.of(~faint), right.of(np.flatnonzero(faint)[:3])])
    lost = coverage_metrics(few, everything(few), TRUTHS)["posterior.coverage95.worst"]
    assert lost.missing == "slice faint has 3 images, and 10 are needed"


def test_the_intervals_of_all_cells_hold_together_as_often_as_they_say() -> None:
    """Over drawn coverages of right intervals: at least 95 % of times, and not by being wide without need."""
    rng, held = np.random.default_rng(5), []
    answers = gaussian_answers(1.0, count=2000)
    slices = everything(answers)
    for _ in range(300):
        drawn = replace(answers, covered68=(rng.random((2000, 2)) < 0.68).astype(float))
        found = coverage_metrics(drawn, slices, TRUTHS)
        cells = [metric for name, metric in found.items() if "68" in name and "worst" not in name]
        held.append(all(metric.low <= 0.68 <= metric.high for metric in cells))
    assert 0.93 <= np.mean(held) <= 0.99


def test_intervals_of_slopes_ranks_and_differences_hold_as_often_as_they_say() -> None:
    rng, held = np.random.default_rng(6), {"slope": 0, "ranks": 0, "difference": 0, "ratio": 0}
    answers = gaussian_answers(1.0, count=400)
    settings = cast(EvaluateSettings, SimpleNamespace(bootstrap=200, seed=3))
    for _ in range(300):
        true = rng.normal(0, 3, (400, 2))
        width = rng.uniform(0.5, 2, (400, 1))
        drawn = replace(
            answers, truth=true, bound=width * np.ones((1, 2)), rank=rng.integers(0, RANKS, (400, 2)).astype(float),
            likelihood=true + width * rng.standard_normal((400, 2)), likelihood_error=width * np.ones((1, 2)),
            converged=np.ones(400), edge=np.zeros(400),
        )  # fmt: skip
        slope = slope_metrics(drawn, TRUTHS)["likelihood.slope.n"]
        held["slope"] += slope.low <= 1 <= slope.high
        ranks = rank_metrics(rank_table(drawn, everything(drawn), TRUTHS))
        held["ranks"] += ranks["posterior.ranks.worst"].low == 0
        less = difference(rng.gamma(2, 1, 300), rng.gamma(2, 1, 500))
        held["difference"] += less.low <= 0 <= less.high
        above = rng.gamma(2, 1, 60)
        found = ratio_of_means(above, above * rng.uniform(0.8, 1.2, 60), np.mean, settings)
        held["ratio"] += found.low <= 1 <= found.high
    assert 0.91 <= held["slope"] / 300 <= 0.985
    assert 0.91 <= held["difference"] / 300 <= 0.985
    assert 0.90 <= held["ratio"] / 300 <= 0.985
    assert held["ranks"] / 300 >= 0.95  # a bound for all of them, and for any number of images


def test_only_the_right_errors_have_the_best_scores() -> None:
    """A Gaussian's CRPS is 0.564 of its sd; errors that are too small, too large or beside the truth cost something."""
    right = gaussian_answers(1.0)
    np.testing.assert_allclose(right.crps.mean(axis=0), 1 / np.sqrt(np.pi), rtol=0.03)
    assert right.log_score.mean() == pytest.approx(1 + np.log(2 * np.pi), rel=0.02)  # the entropy of two of them
    for stated_sd, shift in ((0.5, 0.0), (2.0, 0.0), (1.0, 0.5)):
        wrong = gaussian_answers(stated_sd, shift)
        assert (wrong.crps.mean(axis=0) > 1.05 * right.crps.mean(axis=0)).all()
        assert wrong.log_score.mean() > right.log_score.mean() + 0.2
        assert wrong.energy_score.mean() > 1.05 * right.energy_score.mean()


@pytest.mark.parametrize("factor", [1.0, 0.95])
def test_shrunk_values_have_another_slope(factor: float) -> None:
    answers = gaussian_answers(1.0)
    shrunk = replace(
        answers, posterior=factor * answers.posterior, likelihood=factor * answers.posterior,
        likelihood_error=answers.posterior_error, converged=np.ones(6000), edge=np.zeros(6000),
    )  # fmt: skip
    found = slope_metrics(shrunk, TRUTHS)
    for truth in TRUTHS:
        slope = found[f"likelihood.slope.{truth}"]
        assert slope.low < factor < slope.high
        assert slope.high - slope.low < 0.02
        # These answers know no prior, so that truths rise with them by 9 / 10: the prior's variance is 9.
        assert found[f"posterior.slope.{truth}"].value == pytest.approx(0.9 / factor, abs=0.02)


def failures(**columns: list[float]) -> pd.DataFrame:
    """One axis, trained at 1 and 2, whose columns are given by value for a single truth."""
    count = len(columns["value"])
    return pd.DataFrame(
        {
            "axis": "sigma",
            "answer": "posterior",
            "truth": "flux",
            "bias": [0.0] * count,
            "rmse": [1.0] * count,
            "coverage68": [0.68] * count,
            "alarm": [0.01] * count,
            "trained": [value in (1, 2) for value in columns["value"]],
            "trained_from": 0.9,
            "trained_to": 2.2,
            **columns,
        }
    )


@pytest.mark.parametrize(
    ("columns", "run"),
    [
        ({}, (0, 4)),
        ({"bias": [0, 0, 0, -0.7, 3]}, (0, 3)),
        ({"rmse": [2, 1, 1, 1.2, 1.25]}, (0.9, 4)),
        ({"coverage68": [0.4, 0.68, 0.66, 0.3, 0.68]}, (0.9, 2.2)),  # what lies beyond a bad value is not reached
        ({"rmse": [1, 1, 1, float("nan"), 1]}, (0, 2.2)),
        ({"alarm": [0.01, 0.01, 0.02, 0.09, 0.89]}, (0, 3)),
        # A model is not reliable by its own measure: what is bad where it was trained is bad.
        ({"rmse": [5, 5, 5, 5, 5]}, None),
    ],
)
def test_reliable_run_ends_where_the_model_fails(
    settings: ProblemSettings, columns: dict[str, list[float]], run: tuple[float, float] | None
) -> None:
    table = failures(value=[0, 1, 2, 3, 4], **columns)
    limits = replace(cast(NumbersSettings, settings.evaluate), tested_alarm=0.1)
    assert reliable_values(table, limits) == {"sigma": run}


def test_axis_that_training_never_reached_is_reliable_nowhere(settings: ProblemSettings) -> None:
    table = failures(value=[3, 4])
    region = reliable_range(table, cast(NumbersSettings, settings.evaluate), conditions={"sigma": "sigma"}, snr="sigma")
    assert region["conditions"] == {"sigma": None}


def test_reference_is_computed_once_and_is_near_the_truth(
    problem: Any, settings: ProblemSettings, small_dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = small_dataset.rows("test")[:2]
    (batch,) = presented(problem, small_dataset, settings, rows, seed=[0], device=torch.device("cpu"))
    images = batch.inputs["image"].numpy()
    conditions = np.stack([batch.inputs[name].numpy() for name in problem.conditions], axis=1)
    truth = small_dataset.catalogue.loc[rows, list(problem.truths)].to_numpy(dtype=np.float64)
    bound = np.full_like(truth, 0.1)
    arguments: Any = (problem, images, conditions, truth, bound, settings.simulate)
    first = posterior_reference(*arguments, draws=256, seed=1, cache=tmp_path)
    for i, name in enumerate(problem.truths):
        assert (np.abs(first[f"mean_{name}"] - truth[:, i]) < 5 * first[f"sd_{name}"]).all()
        assert (first[f"crps_{name}"] > 0).all()
    assert np.isfinite(first[["log_score", "energy_score"]]).all(axis=None)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(reference, "_WORTH_A_PROCESS", 1)
    spread = posterior_reference(*arguments, draws=256, seed=1, cache=tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(spread, first)  # over other processes or in this one
    monkeypatch.setattr(reference, "spread", refuse)
    pd.testing.assert_frame_equal(posterior_reference(*arguments, draws=256, seed=1, cache=tmp_path), first)
    with pytest.raises(AssertionError, match="computed again"):
        posterior_reference(problem, images + 1, *arguments[2:], draws=256, seed=1, cache=tmp_path)


def test_images_without_a_density_count_only_where_nobody_knows_any() -> None:
    """One galaxy whose truth has no density is left out; of chains, which know none, every sky counts."""
    columns = {"mean_a": [0.0, 1.0, np.nan], "log_score": [1.0, np.nan, np.nan]}
    assert reference.sampled(pd.DataFrame(columns)).tolist() == [True, False, False]
    assert reference.sampled(pd.DataFrame(columns | {"log_score": np.nan})).tolist() == [True, True, False]


def test_a_reason_that_concerns_all_images_is_told_and_a_poor_sampling_of_one_is_not(settings: Any) -> None:
    class Refusing:
        truths = ("a",)

        def __init__(self, error: Exception) -> None:
            self.error = error

        def posterior(self, *_: Any, **__: Any) -> None:
            raise self.error

    def asked(error: Exception) -> list[float]:
        one = np.ones(1)
        return reference._posterior((Refusing(error), one, one, one, one, settings, 0, 32, 1))  # type: ignore[arg-type]

    assert np.isnan(asked(TooFewDrawsError("effective sample size 3"))).all()
    with pytest.raises(AssayError, match="draw the dataset anew"):
        asked(AssayError("another sky today: draw the dataset anew"))
