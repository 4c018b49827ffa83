"""Training: repeatable, resumable to the same result, and never loading what was changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from components.core.digests import value_digest
from components.core.settings import ProblemSettings
from components.core.source import Source
from components.core.workspace import Workspace
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.training import checkpoints, inputs
from components.training import run as training
from components.training.run import train
from components.training.trainer import Trainer
from models.descriptions import WEIGHTS, DamagedModelError
from models.estimators.estimator import Estimator
from models.estimators.saved import load_model

SOURCE = Source(commit="0" * 40, dirty=False)


@pytest.fixture
def settings_of_three_epochs(settings: ProblemSettings) -> ProblemSettings:
    return replace(settings, train=replace(settings.train, epochs=3))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_model(folder)[0].state_dict()


def test_interrupted_training_ends_in_the_same_weights(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings_of_three_epochs: ProblemSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings = settings_of_three_epochs
    unbroken = train(workspace, problem, small_dataset, settings, source=SOURCE)
    elsewhere = Workspace(root=workspace.root, home=workspace.home / "elsewhere")
    save = checkpoints.save_checkpoint

    def save_and_die(trainer: Trainer, *rest: Any) -> None:
        save(trainer, *rest)
        if trainer.done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "save_checkpoint", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train(elsewhere, problem, small_dataset, settings, source=SOURCE)
    monkeypatch.setattr(training, "save_checkpoint", save)
    resumed = train(elsewhere, problem, small_dataset, settings, source=SOURCE)
    for name, tensor in weights(unbroken).items():
        assert torch.equal(tensor, weights(resumed)[name]), name
    assert not (resumed / "checkpoint").exists()


def test_same_inputs_are_not_trained_twice_and_others_are(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    first = train(workspace, problem, small_dataset, settings, source=SOURCE)
    written = (first / WEIGHTS).stat().st_mtime_ns
    assert train(workspace, problem, small_dataset, settings, source=SOURCE) == first
    assert (first / WEIGHTS).stat().st_mtime_ns == written
    other = train(
        workspace, problem, small_dataset, replace(settings, train=replace(settings.train, seed=1)), source=SOURCE
    )
    assert other != first


def test_one_flipped_byte_in_the_weights_is_refused(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    folder = train(workspace, problem, small_dataset, settings, source=SOURCE)
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(DamagedModelError, match=WEIGHTS):
        load_model(folder)
    with pytest.raises(DamagedModelError, match=WEIGHTS):
        train(workspace, problem, small_dataset, settings, source=SOURCE)


def test_every_epoch_shows_fresh_noise(problem: Problem, small_dataset: Dataset, settings: ProblemSettings) -> None:
    seen: list[bytes] = []

    class Recording(type(problem)):  # type: ignore[misc]
        def present(self, *stored: Any, training: bool, **more: Any) -> Any:
            inputs, targets = super().present(*stored, training=training, **more)
            if training:
                seen.extend((image - clean).numpy().tobytes() for image, clean in
                            zip(inputs["image"], targets["clean_image"], strict=True))  # fmt: skip
            return inputs, targets

    trainer = Trainer(Recording(), small_dataset, settings)
    list(trainer)
    assert len(seen) == len(set(seen)) == settings.train.epochs * trainer.batches.steps * trainer.batches.batch_size


def test_learning_rate_warms_up_and_falls(problem: Problem, small_dataset: Dataset, settings: ProblemSettings) -> None:
    trainer = Trainer(problem, small_dataset, replace(settings, train=replace(settings.train, epochs=20)))
    rates = [trainer.learning_rate(step) for step in range(20 * trainer.batches.steps)]
    peak = int(np.argmax(rates))
    assert rates[peak] == pytest.approx(settings.train.learning_rate)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.05 * settings.train.learning_rate


class _Trained(Trainer):
    """One that has nothing left to do, on a device that holds no numbers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.done = self.train.epochs

    @property
    def averaged(self) -> Estimator:
        return super().averaged.to("meta")


def test_what_follows_training_computes_where_training_did(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    seen: list[torch.device] = []

    def finish(estimator: Estimator, *_: Any) -> Any:
        seen.extend({of.device for of in estimator.parameters()})
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "Trainer", _Trained)
    monkeypatch.setattr(problem, "finish", finish)
    with pytest.raises(KeyboardInterrupt):
        train(workspace, problem, small_dataset, settings, source=SOURCE)
    assert seen == [torch.device("meta")]


def test_the_same_bytes_are_promised_of_the_same_kind_of_device(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_from = inputs.training_inputs(problem, settings)

    def key(kind: str) -> str:
        monkeypatch.setattr(inputs, "best_device", lambda: torch.device("cpu" if kind == "cpu" else "cuda"))
        monkeypatch.setattr(inputs, "device_name", lambda _: kind)
        return inputs.training_key(problem, small_dataset, made_from)

    of_all = {"problem": problem.name, "data": small_dataset.digest, **made_from}
    assert key("cpu") == value_digest(of_all), "models of before the device was named are found"
    assert len({key(kind) for kind in ("cpu", "NVIDIA H200", "NVIDIA A100")}) == 3
