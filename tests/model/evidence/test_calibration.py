"""Evidence of calibration, failure and trust: right for a model that is right, and not for one that is not."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from components.core.settings import ProblemSettings
from components.evidence.numbers import reference
from components.evidence.numbers.answers import RANKS, Answers, ask
from components.evidence.numbers.calibration import calibration_metrics, rank_table
from components.evidence.numbers.reference import posterior_reference
from components.evidence.numbers.trusted_region import trusted_region, trusted_values
from models.estimators.estimator import LEVELS, Answer

TRUTHS = ("flux", "n")


def gaussian_answers(reported_sd: float, shift: float = 0.0) -> Answers:
    """Answers whose errors have sd 1, reported as if they had another."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 3, (6000, 2))
    noise = torch.from_numpy(truth + shift + rng.normal(0, 1, truth.shape)).float()

    def predict(image_bhw: torch.Tensor, _: torch.Tensor) -> Answer:
        value = image_bhw[:, 0]
        return Answer(
            value_bp=value,
            covariance_bpp=reported_sd**2 * torch.eye(2).expand(len(value), -1, -1),
            quantile_bpq=value[:, :, None] + reported_sd * torch.special.ndtri(torch.tensor(LEVELS)),
            unscored_bp=value,
            misfit_b=None,
            snr_b=None,
        )

    batches = ((part[:, None], torch.zeros(len(part), 1)) for part in torch.split(noise, 500))
    return ask(predict, batches, truth=truth, bound=np.ones_like(truth))


def test_right_errors_are_found_right(settings: ProblemSettings) -> None:
    answers = gaussian_answers(1.0)
    metrics = calibration_metrics(answers, TRUTHS, settings.evaluate)
    for truth in TRUTHS:
        assert metrics[f"coverage68.{truth}"].value == pytest.approx(0.68, abs=0.02)
        assert metrics[f"coverage95.{truth}"].value == pytest.approx(0.95, abs=0.01)
    table = rank_table(answers, TRUTHS)
    assert table.groupby("truth")["count"].sum().eq(6000).all()
    assert len(table) == 2 * RANKS
    assert (table["p_value"] > 1e-3).all()


@pytest.mark.parametrize(("reported_sd", "shift"), [(0.7, 0.0), (1.5, 0.0), (1.0, 0.5)])
def test_wrong_errors_are_found_out(settings: ProblemSettings, reported_sd: float, shift: float) -> None:
    answers = gaussian_answers(reported_sd, shift)
    assert (rank_table(answers, TRUTHS)["p_value"] < 1e-6).all()
    coverage = calibration_metrics(answers, TRUTHS, settings.evaluate)["coverage68.flux"]
    assert not coverage.low <= 0.68 <= coverage.high


def failures(**columns: list[float]) -> pd.DataFrame:
    """One axis, trained at 1 and 2, whose columns are given by value for a single truth."""
    count = len(columns["value"])
    return pd.DataFrame(
        {
            "axis": "sigma",
            "truth": "flux",
            "bias_over_crb": [0.0] * count,
            "rmse_over_crb": [1.0] * count,
            "coverage68": [0.68] * count,
            "trained": [value in (1, 2) for value in columns["value"]],
            **columns,
        }
    )


@pytest.mark.parametrize(
    ("columns", "run"),
    [
        ({}, (0, 4)),
        ({"bias_over_crb": [0, 0, 0, 0.4, 3]}, (0, 3)),
        ({"rmse_over_crb": [2, 1, 1, 1.2, 1.3]}, (1, 4)),
        ({"coverage68": [0.5, 0.68, 0.66, 0.3, 0.68]}, (1, 2)),  # what lies beyond a bad value is not reached
        ({"rmse_over_crb": [1, 1, 1, float("nan"), 1]}, (0, 2)),
    ],
)
def test_trusted_run_ends_where_the_model_fails(columns: dict[str, list[float]], run: tuple[float, float]) -> None:
    table = failures(value=[0, 1, 2, 3, 4], **columns)
    assert trusted_values(table) == {"sigma": run}


def test_axis_that_training_never_reached_is_trusted_nowhere() -> None:
    table = failures(value=[3, 4])
    region = trusted_region(table, threshold=2.0, conditions={"sigma": "sigma"}, snr="sigma")
    assert region["conditions"] == {"sigma": None}
    assert region["misfit"] == 2.0


def test_reference_is_computed_once_and_is_near_the_truth(
    problem: Any, settings: ProblemSettings, small_dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = small_dataset.rows("test")[:2]
    conditions = small_dataset.columns(problem.conditions, rows)
    generator = torch.Generator().manual_seed(0)
    images = problem.observe(
        torch.from_numpy(small_dataset.stamps(rows)), torch.from_numpy(conditions), generator, settings.simulate
    ).numpy()
    truth = small_dataset.columns(problem.truths, rows).astype(np.float64)
    arguments: Any = (problem, images, conditions, truth, settings.simulate)
    first = posterior_reference(*arguments, seed=1, cache=tmp_path)
    for i, name in enumerate(problem.truths):
        assert (np.abs(first[f"mean_{name}"] - truth[:, i]) < 5 * first[f"sd_{name}"]).all()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(reference, "_WORTH_A_PROCESS", 1)
    spread = posterior_reference(*arguments, seed=1, cache=tmp_path / "elsewhere")
    pd.testing.assert_frame_equal(spread, first)  # over other processes or in this one
    monkeypatch.setattr(reference, "_processes", refuse)
    pd.testing.assert_frame_equal(posterior_reference(*arguments, seed=1, cache=tmp_path), first)
    with pytest.raises(AssertionError, match="computed again"):
        posterior_reference(problem, images + 1, *arguments[2:], seed=1, cache=tmp_path)
