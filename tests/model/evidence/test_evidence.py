"""Evidence: what the gates read is measured, kept, and refused when the model is bad or the files were changed."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from components.core.digests import value_digest
from components.core.errors import IntegrityError, RefusedError
from components.core.gate_settings import OF_PACKAGE, GateRule
from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.source import Source
from components.core.workspace import Workspace
from components.evidence import confirmation, evaluation, honesty
from components.evidence.card import CARD
from components.evidence.evaluation import TESTED_RANGE, Evidence, evaluate, read_evidence
from components.evidence.inputs import evaluation_inputs
from components.evidence.intervals import interval, median, share
from components.evidence.keeping import METRICS
from components.evidence.measuring import SPLIT_SEEDS
from components.evidence.numbers.errors_over_bound import Errors
from components.evidence.numbers.regression import RegressionQuestions
from components.evidence.refusals import CannotBeEvaluatedError
from components.fields.dataset import Dataset
from components.fields.presenting import presented
from components.fields.problem import Problem
from components.fields.seen_images import SEEN
from components.gates.results import Verdict, require_pass
from components.gates.rules import judge
from components.problems import find_problem
from components.training.run import train
from models.descriptions import read_description
from models.estimators.saved import load_model, save_model
from tests.conftest import HOUSE, make_house, small_settings


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A trained model with its evidence, made once for the tests that only read them."""

    workspace: Workspace
    problem: Problem
    dataset: Dataset
    settings: ProblemSettings
    model: Path
    evidence: Evidence

    def again(self, model: Path) -> Evidence:
        """The evidence of a model on the same data with the same settings."""
        return evaluate(self.workspace, self.problem, model, self.dataset, self.settings)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Evaluated:
    workspace = make_house(tmp_path_factory.mktemp("evaluated"))
    problem, settings = find_problem("galaxy-shape"), small_settings(workspace.root)
    longer = replace(settings, train=replace(settings.train, epochs=30))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in workspace.environment().items():
            patch.setenv(name, value)
        model = train(workspace, problem, small_dataset, longer, source=Source(commit="0" * 40, dirty=False))
        evidence = evaluate(workspace, problem, model, small_dataset, settings)
    return Evaluated(
        workspace=workspace,
        problem=problem,
        dataset=small_dataset,
        settings=settings,
        model=model,
        evidence=evidence,
    )


def test_gate_refuses_a_model_with_shuffled_weights(evaluated: Evaluated) -> None:
    """A search finds good values from any start; what the network must know is where the truth lies around them."""
    rule = GateRule(metric="posterior.coverage95.fresh.g1", min=0.6)
    (verdict,) = judge([rule], evaluated.evidence, expected_key=evaluated.evidence.key)
    assert verdict.verdict is Verdict.PASS

    estimator, description = load_model(evaluated.model)
    generator = torch.Generator().manual_seed(0)
    shuffled = {}
    for name, tensor in estimator.state_dict().items():
        flat = tensor.flatten()
        shuffled[name] = flat[torch.randperm(flat.numel(), generator=generator)].reshape(tensor.shape)
    estimator.load_state_dict(shuffled)
    folder = evaluated.workspace.home / "shuffled"
    save_model(folder, estimator, description)
    shutil.copy(evaluated.model / SEEN, folder)
    bad = evaluated.again(folder)
    assert bad.key != evaluated.evidence.key
    results = judge([rule], bad, expected_key=bad.key)
    with pytest.raises(RefusedError, match=r"gate posterior\.coverage95\.fresh\.g1 fail"):
        require_pass(results, what="shuffled")


def test_evidence_is_kept_and_goes_stale_with_what_it_came_from(evaluated: Evaluated) -> None:
    first, dataset, settings = evaluated.evidence, evaluated.dataset, evaluated.settings
    written = (first.folder / METRICS).stat().st_mtime_ns
    again = evaluated.again(evaluated.model)
    assert (again.digest, again.folder) == (first.digest, first.folder)
    assert (first.folder / METRICS).stat().st_mtime_ns == written
    plots = {path.stem for path in (first.folder / "plots").iterdir()}
    assert {"benchmark", "calibration", "error-over-the-prior", "predicted-against-true"} <= plots
    assert json.loads((first.folder / TESTED_RANGE).read_text(encoding="utf-8")) == first.tested_range

    described = read_description(evaluated.model)
    other_settings = replace(settings, evaluate=replace(settings.evaluate, seed=99))
    other_dataset = replace(dataset, manifest={**dataset.manifest, "key": "other"})
    for inputs in (
        evaluation_inputs(evaluated.problem, described, dataset.digest, other_settings),
        evaluation_inputs(evaluated.problem, {**described, "weights_sha256": "f" * 64}, dataset.digest, settings),
        evaluation_inputs(evaluated.problem, described, other_dataset.digest, settings),
    ):
        results = judge(settings.gates.staging, first, expected_key=value_digest(inputs))
        assert {result.verdict for result in results} == {Verdict.FAIL}


def test_every_rule_of_the_house_is_about_a_metric_that_there_is(evaluated: Evaluated) -> None:
    gates = load_settings(HOUSE / "params.yaml", evaluated.problem.name, evaluated.problem.settings).gates
    asked = {rule.metric for rule in (*gates.staging, *gates.production)}
    assert len(asked) > 20
    assert {name for name in asked if not name.startswith(OF_PACKAGE)} <= set(evaluated.evidence.metrics)


def test_the_share_reliable_is_that_of_answers_that_a_service_would_not_doubt(evaluated: Evaluated) -> None:
    estimator, _ = load_model(evaluated.model)
    rows, seed = evaluated.dataset.rows("test"), [evaluated.settings.evaluate.seed, SPLIT_SEEDS["test"]]
    wide: dict[str, Any] = {"conditions": {}}
    found: dict[str, list[bool]] = {"as measured": [], "everywhere": [], "nowhere": []}
    regions: dict[str, Mapping[str, Any]] = {"as measured": evaluated.evidence.tested_range, "everywhere": wide}
    regions["nowhere"] = {**wide, "conditions": {"sigma": None}}
    for batch in presented(
        evaluated.problem, evaluated.dataset, evaluated.settings, rows, seed=seed, device=torch.device("cpu")
    ):
        with torch.inference_mode():
            outputs = estimator(batch.inputs)
        for name, region in regions.items():
            found[name] += [not lines for lines in estimator.doubts(batch.inputs, outputs, region)]
    assert len(found["nowhere"]) == len(rows)
    assert evaluated.evidence.metrics["tested.share"].value == pytest.approx(np.mean(found["as measured"]))
    assert np.mean(found["nowhere"]) == 0
    assert np.mean(found["everywhere"]) > 0.9


def test_examples_are_the_best_the_median_and_the_worst_with_the_answers_that_were_given(evaluated: Evaluated) -> None:
    losses = {loss.name: loss.values for loss in evaluated.evidence.losses}["posterior.log_score"]
    shown, predictions = (
        pd.read_parquet(evaluated.evidence.folder / f"{name}.parquet") for name in ("examples", "predictions")
    )
    by_name = {str(name): part.set_index("truth") for name, part in shown.groupby("example", sort=False)}
    assert [*by_name] == ["best", "median", "worst"]
    for name, expected in (
        ("best", losses.min()),
        ("median", np.sort(losses)[len(losses) // 2]),
        ("worst", losses.max()),
    ):
        assert by_name[name]["log_score"].unique() == [expected]
        given = predictions.iloc[int(np.flatnonzero(losses == expected)[0])]
        for truth, line in by_name[name].iterrows():
            assert (line["value"], line["posterior"]) == (given[str(truth)], given[f"posterior_{truth}"])
    assert (evaluated.evidence.folder / "plots" / "examples.png").is_file()


def test_every_headline_is_measured(evaluated: Evaluated) -> None:
    assert isinstance(evaluated.problem, RegressionQuestions)
    assert evaluated.evidence.headline == evaluated.problem.headline()


def test_the_same_evidence_has_the_same_digest_whatever_the_clock_said(evaluated: Evaluated, tmp_path: Path) -> None:
    first = evaluated.evidence
    kept = tmp_path / "kept"
    first.folder.rename(kept)
    try:
        again = evaluated.again(evaluated.model)
    finally:
        shutil.rmtree(first.folder, ignore_errors=True)
        kept.rename(first.folder)
    times = {name for name in first.metrics if name.startswith("milliseconds.")}
    assert times == {"milliseconds.batch1", "milliseconds.batch64"}
    assert any(again.metrics[name] != first.metrics[name] for name in times)
    one, other = ({name: str(of.metrics[name]) for name in of.metrics if name not in times} for of in (first, again))
    assert one == other  # in words: what could not be measured is NaN, which equals nothing
    assert again.digest == first.digest
    for name in times:
        assert 0 < first.metrics[name].low <= first.metrics[name].value <= first.metrics[name].high


@pytest.mark.parametrize("change", [{"network": "gone"}, {"kind": "gone"}, {"kind": None}])
def test_a_model_whose_kind_or_network_has_left_the_house_is_told_from_others(
    evaluated: Evaluated, change: dict[str, str | None]
) -> None:
    described = read_description(evaluated.model)
    described["estimator"] |= change
    with pytest.raises(
        CannotBeEvaluatedError, match=r"galaxy-shape: the model cannot be evaluated any more: .* must be"
    ):
        evaluation_inputs(evaluated.problem, described, evaluated.dataset.digest, evaluated.settings)


def test_card_holds_every_picture_and_needs_nothing_from_elsewhere(evaluated: Evaluated) -> None:
    folder = evaluated.evidence.folder
    page = (folder / CARD).read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(list((folder / "plots").iterdir()))
    assert "://" not in page
    assert "<script" not in page
    assert all(len(words.split()) > 3 for words in re.findall(r'<img alt="([^"]*)"', page))
    weights = read_description(evaluated.model)["weights_sha256"]
    for said in (weights, evaluated.dataset.digest, "U-Net (over the prior)"):
        assert said in page


@pytest.mark.parametrize("name", [METRICS, "losses.parquet", "evidence.json"])
def test_one_changed_bit_of_the_evidence_is_refused_and_its_file_is_named(
    evaluated: Evaluated, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(evaluated.evidence.folder, folder)
    assert read_evidence(folder).digest == evaluated.evidence.digest
    whole = (folder / name).read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), 50):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << (place % 8)
        (folder / name).write_bytes(changed)
        with pytest.raises(IntegrityError, match=f"/{name} is missing or not what was written"):
            read_evidence(folder)


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


@pytest.mark.parametrize(("probability", "count"), [(0.68, 30), (0.95, 30), (0.95, 400), (0.99, 100)])
def test_a_share_lies_in_its_interval_as_often_as_it_says(probability: float, count: int) -> None:
    """Over what is drawn, exactly; intervals of shares are never right at every probability, but close on average."""
    hits = np.arange(count + 1)
    found = [share(np.repeat([1.0, 0.0], [k, count - k])) for k in hits]
    inside = np.array([metric.low <= probability <= metric.high for metric in found])
    assert 0.90 <= float(stats.binom.pmf(hits, count, probability) @ inside) <= 0.99


def test_ten_hits_in_ten_do_not_make_a_share_certain() -> None:
    metric = share(np.ones(10))
    assert (metric.value, metric.high) == (1.0, 1.0)
    assert metric.low == pytest.approx(0.7829, abs=1e-3)
    with pytest.raises(ValueError, match="zeros and ones"):
        share(np.array([0.0, 0.5]))


def test_a_median_lies_in_its_interval_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    for count in (9, 12, 30):
        found = [median(rng.exponential(size=count)) for _ in range(2000)]
        held = np.mean([metric.low <= np.log(2) <= metric.high for metric in found])
        assert 0.94 <= held <= 0.985, count
    with pytest.raises(ValueError, match="six are needed"):
        median(np.arange(5.0))


def test_values_that_are_not_finite_make_a_metric_that_gates_refuse() -> None:
    metric = interval(np.array([1.0, np.nan]), np.mean, 100, 0)
    assert np.isnan(metric.low)
    assert np.isnan(metric.high)


@pytest.mark.parametrize("measured", ["evaluate", "confirm", "measure_honesty"])
def test_models_are_measured_on_the_best_device(
    measured: str, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AskedError(Exception):
        """What a problem is asked with is known by now."""

    def seen(answer: Any, *_: Any, device: torch.device, progress: Any, **more: Any) -> None:
        raise AskedError(device, {of.device for of in answer.parameters()})

    best = torch.device("meta")
    for module in (evaluation, confirmation, honesty):
        monkeypatch.setattr(module, "best_device", lambda: best)
        monkeypatch.setattr(module, "asking", lambda estimator: estimator)
    monkeypatch.setattr(evaluated.problem, measured, seen)
    workspace, problem, model, data = evaluated.workspace, evaluated.problem, evaluated.model, evaluated.dataset
    others = replace(evaluated.settings, evaluate=replace(evaluated.settings.evaluate, seed=77))
    measure: dict[str, Callable[[], object]] = {
        "evaluate": lambda: evaluate(workspace, problem, model, data, others),
        "confirm": lambda: confirmation.confirm(workspace, problem, [model], data, others, seed=1),
        "measure_honesty": lambda: honesty.measured_honesty(workspace, problem, model, others),
    }
    with pytest.raises(AskedError) as asked:
        measure[measured]()
    assert asked.value.args == (best, {best})
