"""One training over two processes: together they train the same network as one process does."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from components.core.errors import AssayError
from components.core.known_digests import KnownDigests
from components.core.settings import ProblemSettings
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.problems.galaxy_shape.settings import GalaxyTrainSettings
from components.training.checkpoints import load_checkpoint
from components.training.distributed import train_in_processes
from components.training.trainer import Trainer

pytestmark = [pytest.mark.slow, pytest.mark.ci]


def test_two_processes_train_about_as_one_does_and_go_on_from_a_checkpoint(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings, tmp_path: Path
) -> None:
    alone = replace(cast(GalaxyTrainSettings, settings.train), network="residual", epochs=4, fresh_conditions=False)
    shared = replace(alone, processes=2)
    *_, last = iter(Trainer(problem, small_dataset, replace(settings, train=alone)))
    train_in_processes(problem, small_dataset, replace(settings, train=shared), tmp_path)
    trainer = Trainer(problem, small_dataset, replace(settings, train=shared))
    start = trainer.validation_loss()
    history = load_checkpoint(trainer, tmp_path)
    assert trainer.done == len(history) == 4
    assert trainer.validation_loss() == pytest.approx(history[-1]["validation_loss"], rel=1e-4)
    # Sums of gradients differ in their order, so the losses do; what both learned is the same.
    assert abs(history[-1]["validation_loss"] - last.validation_loss) < 0.2 * (start - last.validation_loss)

    longer = replace(shared, epochs=5)
    train_in_processes(problem, small_dataset, replace(settings, train=longer), tmp_path)
    again = Trainer(problem, small_dataset, replace(settings, train=longer))
    assert [epoch["number"] for epoch in load_checkpoint(again, tmp_path)] == [1, 2, 3, 4, 5]


def test_a_process_that_fails_is_one_line(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings, tmp_path: Path
) -> None:
    shared = replace(settings.train, processes=2)
    missing = replace(small_dataset, folder=tmp_path / "nowhere")
    with pytest.raises(AssayError, match="training over 2 processes ended with status 1"):
        train_in_processes(problem, missing, replace(settings, train=shared), tmp_path / "checkpoint")


@dataclass(frozen=True, kw_only=True)
class Noted(KnownDigests):
    """Notes which processes ask for digests."""

    asked: Path

    def sha256(self, path: Path) -> str:
        (self.asked / str(os.getpid())).touch()
        return super().sha256(path)


def test_processes_ask_for_digests_that_are_known(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings, tmp_path: Path
) -> None:
    (asked := tmp_path / "asked").mkdir()
    known = Noted(folder=tmp_path / "digests", asked=asked)
    shared = replace(settings.train, processes=2, epochs=1)
    train_in_processes(
        problem, replace(small_dataset, known=known), replace(settings, train=shared), tmp_path / "checkpoint"
    )
    assert len([*asked.iterdir()]) == 2
