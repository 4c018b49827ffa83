"""Evidence: evaluations that are whole, confirmation on images of its own, and rules that name what is measured."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from matplotlib.figure import Figure

from components.core.gate_settings import GateSettings
from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.evidence.asking import asking
from components.fields.dataset import Dataset
from components.fields.presenting import presented
from components.fields.problem import Problem
from components.lifecycle.judging import MEGABYTES
from components.packages.golden import make_golden, sample
from components.training.trainer import Trainer
from tests.conftest import HOUSE
from tests.figures import unreadable
from tests.model.problems.conformance.asked import CPU, Conformance
from tests.other_device import pretended


class EvidenceConformance(Conformance):
    """Of every problem."""

    def test_evaluation_is_whole_and_its_region_doubts(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        result = self.untrained_evaluation(problem, settings, small_dataset)
        rows = small_dataset.rows("test")
        assert result.losses
        assert len(result.slices) == len(rows)
        for loss in result.losses:
            assert loss.values.shape == (len(rows),), loss.name
            assert np.isfinite(loss.values).all(), loss.name
        assert result.headline
        assert set(result.headline) <= set(result.metrics)
        assert result.summary
        for name, metric in result.metrics.items():
            assert metric.missing or metric.low <= metric.value <= metric.high, name
        assert result.plots
        shown = [name for section in result.sections for name, caption in section.pictures if caption]
        assert sorted(shown) == sorted(result.plots), "the card shows every picture once, with a caption"
        for table in (table for section in result.sections for table in section.tables):
            assert all(len(row) == len(table.columns) for row in table.rows), table.title
        assert all(len(row) == len(result.report.columns) for row in result.report.rows)
        region = json.loads(json.dumps(result.tested_range))
        golden = make_golden(estimator, sample(problem, small_dataset, settings, 4), region)
        assert golden.doubts[-1], "the last golden input is to be doubted"

    def test_pictures_can_be_read(self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset) -> None:
        assert_readable(self.untrained_evaluation(problem, settings, small_dataset).plots)

    def test_every_rule_of_params_yaml_names_a_metric_that_there_is(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """At every size: a rule that is misspelt would be found by the first promotion that it refuses."""
        estimator, _ = problem.finish(self.estimator(problem, settings), small_dataset, settings)
        result = self.evaluation(problem, settings, small_dataset, estimator)
        measured = {*result.metrics, *result.timings, MEGABYTES}
        shipped = {"here": settings.gates} | self.shipped_gates(problem)
        for size, gates in shipped.items():
            unknown = {rule.metric for rule in (*gates.staging, *gates.production)} - measured
            assert not unknown, f"rules of {size} name {sorted(unknown)}, which nobody measures"
        of_honesty = {rule.metric for gates in shipped.values() for rule in gates.honesty.rules}
        if of_honesty:
            found = problem.measure_honesty(asking(estimator), settings, device=CPU, progress=lambda _: None)
            unknown = of_honesty - set(found.metrics)
            assert not unknown, f"rules of honesty name {sorted(unknown)}, which no table has"
            assert_readable(found.plots)

    def test_confirmation_has_the_losses_of_the_evaluation_on_images_of_its_own(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        judged, seen = self.untrained_evaluation(problem, settings, small_dataset), list[int]()
        found = problem.confirm(asking(estimator), small_dataset, settings, device=CPU, progress=seen.append)
        count = len(small_dataset.rows("confirmation"))
        assert sum(seen) == len(found.slices) == count
        assert [(loss.name, loss.scale, loss.floor) for loss in found.losses] == [
            (loss.name, loss.scale, loss.floor) for loss in judged.losses
        ]
        for loss, on_test in zip(found.losses, judged.losses, strict=True):
            assert loss.values.shape == (count,)
            assert np.isfinite(loss.values).all()
            assert not np.array_equal(loss.values, on_test.values), f"{loss.name} is of the test split"

    def test_a_trained_model_loses_less_than_an_untrained_one(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        trainer = Trainer(problem, small_dataset, replace(settings, train=replace(settings.train, epochs=6)))
        list(trainer)
        trained = self.evaluation(problem, settings, small_dataset, trainer.averaged.eval())
        untrained = self.untrained_evaluation(problem, settings, small_dataset)
        assert sum(float(loss.values.mean()) for loss in trained.losses) < sum(
            float(loss.values.mean()) for loss in untrained.losses
        )

    @pytest.mark.slow
    @pytest.mark.ci
    def test_what_follows_training_and_confirmation_and_evaluation_stay_on_a_device(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        with pretended() as device, tempfile.TemporaryDirectory() as cache:
            estimator, _ = problem.finish(self.estimator(problem, settings).to(device), small_dataset, settings)
            assert {of.device for of in estimator.state_dict().values()} == {device}
            answer = asking(estimator.eval())
            confirmed = problem.confirm(answer, small_dataset, settings, device=device, progress=lambda _: None)
            assert all(np.isfinite(loss.values).all() for loss in confirmed.losses)
            result = problem.evaluate(
                answer, small_dataset, settings, device=device, cache=Path(cache), progress=lambda _: None
            )
            assert all(np.isfinite(loss.values).all() for loss in result.losses)
            if settings.honesty is not None:
                assert problem.measure_honesty(answer, settings, device=device, progress=lambda _: None).metrics
            (batch,) = presented(
                problem, small_dataset, settings, small_dataset.rows("test")[:4], seed=[1], device=device
            )
            with torch.inference_mode():
                outputs = estimator(batch.inputs)
            assert len(estimator.doubts(batch.inputs, outputs, result.tested_range)) == batch.count

    @staticmethod
    def shipped_gates(problem: Problem) -> dict[str, GateSettings]:
        """What params.yaml says of gates at each size; nothing for a problem that is not in it."""
        path = HOUSE / "params.yaml"
        section = yaml.safe_load(path.read_text(encoding="utf-8"))["problems"].get(problem.name)
        sizes = ("demo", *section.get("sizes", {})) if section else ()
        return {size: load_settings(path, problem.name, problem.settings, size=size).gates for size in sizes}


def assert_readable(plots: Mapping[str, Figure]) -> None:
    """Say what cannot be read of which figure."""
    faults = [f"{name}: {fault}" for name, figure in plots.items() for fault in unreadable(figure)]
    assert not faults, "\n".join(faults)
