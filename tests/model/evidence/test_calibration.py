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
from components.fields.presenting import Batch, presented
from models.estimators.numbers import LEVELS
from models.fields import Arrays

TRUTHS = ("flux", "n")


def gaussian_answers(reported_sd: float, shift: float = 0.0) -> Answers:
    """Answers whose errors have sd 1, reported as if they had another."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 3, (6000, 2))
    noise = torch.from_numpy(truth + shift + rng.normal(0, 1, truth.shape)).float()
    ends = {68: 0.9944579, 95: 1.959964}

    def answer(inputs: Arrays) -> dict[str, torch.Tensor]:
        value = inputs["image"]
        outputs = {"quantiles": value[:, :, None] + reported_sd * torch.special.ndtri(torch.tensor(LEVELS))}
        for i, name in enumerate(TRUTHS):
            outputs |= {name: value[:, i], f"{name}_error": torch.full((len(value),), reported_sd)}
            for percent, end in ends.items():
                apart = reported_sd * torch.tensor([-end, end])
                outputs[f"{name}_interval{percent}"] = value[:, i, None] + apart
        return {**outputs, "unscored": value}

    batches = (Batch({"image": part}, {}) for part in torch.split(noise, 500))
    return ask(answer, batches, TRUTHS, truth=truth, bound=np.ones_like(truth))


def test_right_errors_are_found_right(settings: ProblemSettings) -> None:
    answers = gaussian_answers(1.0)
    metrics = calibration_metrics(answers, TRUTHS)
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
    coverage = calibration_metrics(answers, TRUTHS)["coverage68.flux"]
    assert not coverage.low <= 0.68 <= coverage.high


def test_only_the_right_errors_have_the_best_score(settings: ProblemSettings) -> None:
    """A Gaussian's is 0.564 of its sd; errors that are too small, too large or beside the truth cost something."""
    right = gaussian_answers(1.0).crps.mean(axis=0)
    np.testing.assert_allclose(right, 1 / np.sqrt(np.pi), rtol=0.03)
    for reported_sd, shift in ((0.5, 0.0), (2.0, 0.0), (1.0, 0.5)):
        assert (gaussian_answers(reported_sd, shift).crps.mean(axis=0) > 1.05 * right).all()


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
    (batch,) = presented(problem, small_dataset, settings, rows, seed=[0], device=torch.device("cpu"))
    images = batch.inputs["image"].numpy()
    conditions = np.stack([batch.inputs[name].numpy() for name in problem.conditions], axis=1)
    truth = small_dataset.catalogue.loc[rows, list(problem.truths)].to_numpy(dtype=np.float64)
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
