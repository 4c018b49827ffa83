"""Trainings: images as they are shown, losses, and steps that wait for no device."""

from dataclasses import replace

import pytest
import torch

from components.core.errors import AssayError
from components.core.settings import ProblemSettings
from components.fields.dataset import Dataset
from components.fields.presenting import present, read_stored
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.training import steps
from components.training.trainer import Trainer
from tests.model.problems.conformance.asked import CPU, Conformance, show
from tests.synchronising import Synchronising


class TrainingConformance(Conformance):
    """Of every problem."""

    def test_noise_is_fresh_by_seed_repeatable_and_every_rows_own(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        rows = small_dataset.rows("train")[:8]
        for training in (False, True):
            first, again, other, turned = (
                show(problem, small_dataset, settings, shown, seed, training=training)
                for shown, seed in ((rows, 1), (rows, 1), (rows, 2), (rows[::-1].copy(), 1))
            )
            fresh = any(not torch.equal(array, other.inputs[name]) for name, array in first.inputs.items())
            assert fresh == (self.noise or training)
            for part, same, back in (
                (first.inputs, again.inputs, turned.inputs),
                (first.targets, again.targets, turned.targets),
            ):
                for name, array in part.items():
                    assert torch.equal(array, same[name]), name
                    assert torch.equal(array, back[name].flip(0)), f"{name} depends on the company of its row"
                    assert torch.isfinite(array).all(), name

    def test_fields_of_another_name_shape_or_dtype_are_refused_by_name(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        rows = small_dataset.rows("train")[:2]
        stored = read_stored(problem, small_dataset, settings, rows)
        name = next(iter(stored))
        for wrong, said in (
            ({key: array for key, array in stored.items() if key != name}, f"dataset has no {name}"),
            (stored | {"surplus": stored[name]}, "unknown field surplus"),
            (stored | {name: stored[name][..., None]}, f"{name} of .* dataset has the shape"),
            (stored | {name: stored[name].double()}, f"{name} of .* dataset is float64"),
        ):
            with pytest.raises(AssayError, match=said):
                present(problem, wrong, row_seeds([1], rows), settings, training=False, device=CPU)

    def test_the_loss_is_one_finite_number_an_image_however_it_is_presented(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """That targets move with their images is for each problem's own test: only it knows how."""
        rows, estimator = small_dataset.rows("train")[:8], self.estimator(problem, settings)
        seen = set()
        for seed in range(4):
            batch = show(problem, small_dataset, settings, rows, seed, training=True)
            loss_b = estimator.loss(batch.inputs, batch.targets)
            assert loss_b.shape == (len(rows),)
            assert torch.isfinite(loss_b).all()
            seen.add(next(iter(batch.inputs.values())).numpy().tobytes())
        assert len(seen) == 4

    def test_a_step_of_a_training_hardly_waits_for_the_device(
        self,
        problem: Problem,
        settings: ProblemSettings,
        small_dataset: Dataset,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(steps, "decides_itself", lambda _device: True)
        trainer, rows = Trainer(problem, small_dataset, settings), small_dataset.rows("train")[:16]
        stored = read_stored(problem, small_dataset, settings, rows)
        trainer.estimator.train()
        for number in range(2):  # tables are made in the first
            with Synchronising() as found:
                batch = present(problem, stored, row_seeds([number], rows), settings, training=True, device=CPU)
                trainer.step(batch, rate=1e-3)
        assert len(found.calls) <= self.waits, found.calls

    def test_training_lowers_the_loss(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        trainer = Trainer(problem, small_dataset, replace(settings, train=replace(settings.train, epochs=4)))
        before = trainer.validation_loss()
        *_, last = iter(trainer)
        assert last.validation_loss < before
