"""What every problem must keep to; each problem's test module subclasses `ProblemConformance`."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from components.core.settings import ProblemSettings
from components.fields.dataset import Dataset
from components.fields.evaluation import Evaluation
from components.fields.layout import SPLITS
from components.fields.problem import Problem, Shard
from components.fields.splits import shard_rows
from components.packages.golden import sample
from components.training.trainer import Trainer
from models.estimators.estimator import LEVELS, Answer, Estimator
from models.fields import Field, field
from models.networks import network_names


class ProblemConformance:
    """Subclass it as `TestXyz`, with fixtures `problem`, `settings` and `small_dataset` of that problem."""

    @pytest.fixture
    def shard(self, problem: Problem, settings: ProblemSettings) -> Shard:
        return problem.draw_shard(settings.simulate, 1)

    def test_same_shard_has_the_same_bytes(self, problem: Problem, settings: ProblemSettings, shard: Shard) -> None:
        again = problem.draw_shard(settings.simulate, 1)
        assert shard.stamps.tobytes() == again.stamps.tobytes()
        assert shard.catalogue.equals(again.catalogue)

    def test_another_shard_and_another_seed_have_other_images(
        self, problem: Problem, settings: ProblemSettings, shard: Shard
    ) -> None:
        others = [
            problem.draw_shard(settings.simulate, 2),
            problem.draw_shard(replace(settings.simulate, seed=settings.simulate.seed + 1), 1),
        ]
        for other in others:
            shared = {stamp.tobytes() for stamp in shard.stamps} & {stamp.tobytes() for stamp in other.stamps}
            assert not shared

    def test_shard_is_whole_finite_and_within_the_prior(
        self, problem: Problem, settings: ProblemSettings, shard: Shard
    ) -> None:
        rows = shard_rows(settings.simulate, 1)
        assert len(shard.catalogue) == len(shard.stamps) == len(rows)
        assert shard.stamps.dtype == np.float32
        assert np.isfinite(shard.stamps).all()
        assert {*problem.truths, *problem.conditions, "split"} <= set(shard.catalogue)
        assert {*problem.truths, *problem.conditions} <= set(problem.units)

    def test_dataset_has_every_split_and_every_image_its_bound(self, problem: Problem, small_dataset: Dataset) -> None:
        for split in SPLITS:
            assert len(small_dataset.rows(split)) > 0
        for name in problem.truths:
            bound = small_dataset.catalogue[f"crb_{name}"]
            assert (bound > 0).all()
            assert np.isfinite(bound).all()

    def test_checks_name_columns_that_are_there(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """That they hold of a sound dataset, and refuse others, is seen where datasets are validated."""
        checks = problem.checks(small_dataset, settings.simulate)
        columns = {
            "images": {*small_dataset.catalogue, *checks.images},
            "dataset": set(checks.dataset),
            **{name: set(table) for name, table in checks.tables.items()},
        }
        for expected in checks.expectations:
            assert expected.column in columns[expected.table], expected.column
        for name, column in checks.images.items():
            assert len(column) == len(small_dataset.catalogue), name

    def test_noise_is_fresh_at_every_presentation_and_repeatable_by_its_seed(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        stamps, conditions, _ = self.batch(problem, small_dataset)

        def observe(generator: torch.Generator) -> torch.Tensor:
            return problem.observe(stamps, conditions, generator, settings.simulate)

        generator = torch.Generator().manual_seed(1)
        first, second = observe(generator), observe(generator)
        assert not torch.equal(first, second)
        assert torch.equal(first, observe(torch.Generator().manual_seed(1)))
        assert torch.isfinite(first).all()

    @pytest.mark.parametrize("network", network_names())
    def test_networks_answer_with_finite_numbers_and_positive_errors(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset, network: str
    ) -> None:
        config = problem.estimator_config(settings.simulate, replace(settings.train, network=network))
        torch.manual_seed(0)
        estimator = Estimator(json.loads(json.dumps(config))).eval()
        stamps, conditions, truth = self.batch(problem, small_dataset)
        for image in (stamps, torch.zeros_like(stamps), 1e6 * torch.ones_like(stamps)):
            answer = estimator(image, conditions)
            assert answer.value_bp.shape == answer.error_bp.shape == truth.shape
            assert torch.isfinite(answer.value_bp).all()
            assert (answer.error_bp > 0).all()
            assert torch.isfinite(answer.covariance_bpp).all()
            assert (answer.quantile_bpq.diff(dim=2) >= 0).all()

    def test_answers_have_the_fields_that_the_estimator_names(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        config = problem.estimator_config(settings.simulate, settings.train)
        estimator = Estimator(json.loads(json.dumps(config))).eval()
        inputs = sample(problem, small_dataset, settings, 3)
        assert {name: tuple(array.shape[1:]) for name, array in inputs.items()} == shapes(estimator.inputs)
        with torch.inference_mode():
            outputs = estimator.predict(inputs)
        assert {name: tuple(array.shape[1:]) for name, array in outputs.items()} == shapes(estimator.outputs)
        for named in (*estimator.inputs, *estimator.outputs):
            assert field(json.loads(json.dumps(named.as_json()))) == named
        for output in estimator.outputs:
            assert output.absolute + output.relative > 0, f"{output.name} is compared by nothing"
            assert not output.of or output.of in outputs, output.name

    def test_symmetry_leaves_shapes_and_the_loss_of_a_perfect_answer_alone(
        self, problem: Problem, small_dataset: Dataset
    ) -> None:
        stamps, _, truth = self.batch(problem, small_dataset)
        generator = torch.Generator().manual_seed(0)
        seen = set()
        for _ in range(32):
            image, moved = problem.augment(stamps, truth, generator)
            assert image.shape == stamps.shape
            assert moved.shape == truth.shape
            torch.testing.assert_close(image.sum(dim=(1, 2)), stamps.sum(dim=(1, 2)))
            seen.add(image.numpy().tobytes())
        assert len(seen) > 1

    def test_training_lowers_the_loss(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        trainer = Trainer(problem, small_dataset, settings, replace(settings.train, epochs=4))
        before = trainer.validation_loss()
        *_, last = iter(trainer)
        assert last.validation_loss < before

    def test_evaluation_knows_a_perfect_answer_from_a_useless_one(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        useless = self.evaluation(problem, settings, small_dataset)
        rows = small_dataset.rows("test")
        assert useless.losses
        assert len(useless.slices) == len(rows)
        for loss in useless.losses:
            assert loss.values.shape == (len(rows),), loss.name
            assert np.isfinite(loss.values).all(), loss.name
            assert loss.scale == "absolute" or (loss.values >= 0).all(), loss.name
        assert useless.headline
        assert set(useless.headline) <= set(useless.metrics)
        assert useless.summary
        for name, metric in useless.metrics.items():
            assert metric.low <= metric.value <= metric.high, name
        perfect = self.evaluation(problem, settings, small_dataset, perfect=True)
        assert perfect.metrics["score.test"].high < 0.1 < useless.metrics["score.test"].low
        assert useless.plots
        shown = [name for section in useless.sections for name, _ in section.pictures]
        assert sorted(shown) == sorted(useless.plots), "the card shows every picture once"
        for table in (table for section in useless.sections for table in section.tables):
            assert all(len(row) == len(table.columns) for row in table.rows), table.title
        assert all(len(row) == len(useless.report.columns) for row in useless.report.rows)

    @staticmethod
    def batch(problem: Problem, dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = dataset.rows("train")[:8]
        return (
            torch.from_numpy(dataset.stamps(rows)),
            torch.from_numpy(dataset.columns(problem.conditions, rows)),
            torch.from_numpy(dataset.columns(problem.truths, rows)),
        )

    @staticmethod
    def evaluation(
        problem: Problem, settings: ProblemSettings, dataset: Dataset, *, perfect: bool = False
    ) -> Evaluation:
        """Evaluate the mean of the training truths, or a cheat that looks up the noise-free image of the test split."""
        rows = dataset.rows("test")
        known, truths = (
            torch.from_numpy(dataset.stamps(rows)),
            torch.from_numpy(dataset.columns(problem.truths, rows)),
        )
        mean = torch.from_numpy(dataset.columns(problem.truths, dataset.rows("train"))).mean(dim=0)

        def predict(image: torch.Tensor, _: torch.Tensor) -> Answer:
            nearest = torch.cdist(image.flatten(1), known.flatten(1)).argmin(dim=1)
            value = truths[nearest] if perfect else mean.expand(len(image), -1)
            return Answer(
                value_bp=value,
                covariance_bpp=torch.eye(len(mean)).expand(len(image), -1, -1),
                quantile_bpq=value[:, :, None] + torch.special.ndtri(torch.tensor(LEVELS)),
                unscored_bp=value,
                misfit_b=None,
                snr_b=None,
            )

        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                predict, dataset, settings.evaluate, settings.simulate, cache=Path(cache), progress=lambda _: None
            )


def shapes(fields: Sequence[Field]) -> dict[str, tuple[int, ...]]:
    return {field.name: field.shape for field in fields}
