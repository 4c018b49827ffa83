"""Evidence: what the gates read is measured, kept, and refused when the model is bad or the files were changed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.datasets import Dataset
from components.digests import value_digest
from components.errors import IntegrityError, RefusedError
from components.evaluation import METRICS, TRUSTED_REGION, evaluate, evaluation_inputs, read_evidence
from components.evidence.errors_over_bound import Errors, interval
from components.gates import Verdict, judge, require_pass
from components.model_card import CARD
from components.problems.base import Problem
from components.settings import GateRule, ProblemSettings
from components.source import Source
from components.training import train
from components.workspace import Workspace
from models.saved import load_model, save_model


@pytest.fixture
def model(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> Path:  # fmt: skip
    longer = replace(settings.train, epochs=30)
    return train(workspace, problem, small_dataset, settings, longer, source=Source(commit="0" * 40, dirty=False))


def test_gate_refuses_a_model_with_shuffled_weights(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings, model: Path
) -> None:
    good = evaluate(workspace, problem, model, small_dataset, settings)
    rule = GateRule(metric="score.test", max=1.1 * good.metrics["score.test"].high)
    (verdict,) = judge([rule], good, expected_key=good.key)
    assert verdict.verdict is Verdict.PASS

    estimator, description = load_model(model)
    generator = torch.Generator().manual_seed(0)
    shuffled = {}
    for name, tensor in estimator.state_dict().items():
        flat = tensor.flatten()
        shuffled[name] = flat[torch.randperm(flat.numel(), generator=generator)].reshape(tensor.shape)
    estimator.load_state_dict(shuffled)
    save_model(workspace.home / "shuffled", estimator, description)
    bad = evaluate(workspace, problem, workspace.home / "shuffled", small_dataset, settings)
    assert bad.key != good.key
    results = judge([rule], bad, expected_key=bad.key)
    with pytest.raises(RefusedError, match=r"gate score\.test fail"):
        require_pass(results, what="shuffled")


def test_evidence_is_kept_and_goes_stale_with_what_it_came_from(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings, model: Path
) -> None:
    first = evaluate(workspace, problem, model, small_dataset, settings)
    written = (first.folder / METRICS).stat().st_mtime_ns
    again = evaluate(workspace, problem, model, small_dataset, settings)
    assert (again.digest, again.folder) == (first.digest, first.folder)
    assert (first.folder / METRICS).stat().st_mtime_ns == written
    plots = {path.stem for path in (first.folder / "plots").iterdir()}
    assert {"benchmark", "calibration", "error-over-the-prior", "predicted-against-true"} <= plots
    assert json.loads((first.folder / TRUSTED_REGION).read_text(encoding="utf-8")) == first.trusted_region

    weights = load_model(model)[1]["weights_sha256"]
    other = replace(settings, evaluate=replace(settings.evaluate, seed=99))
    for inputs in (
        evaluation_inputs(problem, weights, small_dataset, other),
        evaluation_inputs(problem, "f" * 64, small_dataset, settings),
        evaluation_inputs(
            problem, weights, replace(small_dataset, manifest={**small_dataset.manifest, "key": "other"}), settings
        ),
    ):
        results = judge(settings.gates.staging, first, expected_key=value_digest(inputs))
        assert {result.verdict for result in results} == {Verdict.FAIL}


def test_card_holds_every_picture_and_needs_nothing_from_elsewhere(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings, model: Path
) -> None:
    evidence = evaluate(workspace, problem, model, small_dataset, settings)
    page = (evidence.folder / CARD).read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(list((evidence.folder / "plots").iterdir()))
    assert "://" not in page
    assert "<script" not in page
    for said in (load_model(model)[1]["weights_sha256"], small_dataset.manifest["key"], "U-Net (over the prior)"):
        assert said in page


def test_changed_evidence_is_refused_and_named(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings, model: Path
) -> None:
    evidence = evaluate(workspace, problem, model, small_dataset, settings)
    document = json.loads((evidence.folder / METRICS).read_text(encoding="utf-8"))
    document["metrics"]["score.test"]["high"] = 0.1
    (evidence.folder / METRICS).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"metrics\.json is not what was written"):
        read_evidence(evidence.folder)


@given(bias=st.floats(-5, 5), scale=st.floats(0.01, 5), bound=st.floats(0.01, 10), seed=st.integers(0, 2**32 - 1))
def test_rmse_is_bias_and_scatter_together(bias: float, scale: float, bound: float, seed: int) -> None:
    """RMSE² = bias² + sd², all in units of the bound."""
    miss = bound * (bias + scale * np.random.default_rng(seed).standard_normal((50, 1)))
    errors = Errors(miss=miss, bound=np.full_like(miss, bound))
    metrics = errors.over_bound(0, resamplings=100, seed=1)
    assert metrics["rmse"].value ** 2 == pytest.approx(metrics["bias"].value ** 2 + metrics["sd"].value ** 2)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        metric = interval(rng.normal(3.0, 1.0, 200), np.mean, 200, seed)
        hits += metric.low <= 3.0 <= metric.high
    assert 180 <= hits <= 199


def test_values_that_are_not_finite_make_a_metric_that_gates_refuse() -> None:
    metric = interval(np.array([1.0, np.nan]), np.mean, 100, 0)
    assert np.isnan(metric.low)
    assert np.isnan(metric.high)
