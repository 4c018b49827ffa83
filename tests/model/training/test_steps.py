"""Single steps: what is not finite teaches nothing, and short numbers reach trunks alone."""

import copy
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from components.core.errors import AssayError
from components.core.settings import ProblemSettings
from components.core.source import Source
from components.core.workspace import Workspace
from components.fields.dataset import Dataset
from components.fields.presenting import Batch
from components.fields.problem import Problem
from components.training import steps
from components.training.run import train
from components.training.trainer import Epoch, Trainer
from models.short_numbers import use_short_numbers
from tests.model.networks.network_conformance import layer_dtypes

SOURCE = Source(commit="0" * 40, dirty=False)


def spoil(monkeypatch: pytest.MonkeyPatch, problem: Problem, batches: Mapping[int, int]) -> None:
    """Put a NaN into an image of some of the batches that trainings are shown, all counted together.

    Args:
        monkeypatch: takes it back.
        problem: whose batches.
        batches: the first of them, and how many in a row.
    """
    present, shown = problem.present, 0

    def spoilt(*stored: Any, training: bool, **more: Any) -> Any:
        nonlocal shown
        inputs, targets = present(*stored, training=training, **more)
        if training:
            if any(first <= shown < first + count for first, count in batches.items()):
                inputs["image"][1, 3, 3] = torch.nan
            shown += 1
        return inputs, targets

    monkeypatch.setattr(problem, "present", spoilt)


@pytest.fixture(params=[False, True], ids=["asked", "on the device"])
def on_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a step is left out as on a GPU, by the optimiser itself."""
    decides: bool = request.param
    monkeypatch.setattr(steps, "decides_itself", lambda _device: decides)
    return decides


@pytest.mark.usefixtures("on_device")
def test_a_batch_without_a_finite_gradient_changes_nothing_and_the_next_one_does(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    trainer = Trainer(problem, small_dataset, settings)
    trainer.estimator.train()
    good, other, _ = list(trainer.batches.epoch([1]))[:3]
    image = good.inputs["image"].clone()
    image[1, 3, 3] = torch.nan
    bad = Batch({**good.inputs, "image": image}, good.targets)
    trainer.step(good, rate=1e-3)
    before = trainer.state()
    trainer.step(bad, rate=1e-3)
    for name, tensor in trainer.state().items():
        if not name.startswith("averaged"):
            assert torch.equal(tensor, before[name]), name
        assert tensor.isfinite().all(), name
    trainer.step(other, rate=1e-3)
    after = trainer.state()
    assert any(not torch.equal(after[name], tensor) for name, tensor in before.items() if name.startswith("weights"))


@pytest.mark.usefixtures("on_device")
def test_batches_left_out_are_counted_in_their_epoch_and_losses_are_of_the_others(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(problem, small_dataset, settings)
    spoil(monkeypatch, problem, {1: 1, trainer.batches.steps + 2: 2})
    first, second = trainer
    assert [first.skipped, second.skipped] == [1, 2]
    for epoch in (first, second):
        assert torch.tensor([epoch.training_loss, epoch.validation_loss]).isfinite().all()


def test_many_such_batches_in_a_row_end_a_training_in_a_line_and_are_no_checkpoint(
    workspace: Workspace,
    problem: Problem,
    small_dataset: Dataset,
    settings: ProblemSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "MOST_IN_A_ROW", 3)
    seen: list[Epoch] = []
    per_epoch = Trainer(problem, small_dataset, settings).batches.steps
    spoil(monkeypatch, problem, {0: 2, per_epoch: 10})
    with pytest.raises(AssayError, match=r"[3-9] batches in a row had gradients that are not finite.*learning_rate"):
        train(workspace, problem, small_dataset, settings, source=SOURCE, on_epoch=seen.append)
    assert [epoch.skipped for epoch in seen] == [2]
    (latest,) = workspace.models(problem.name).glob("*/checkpoint/latest.json")
    assert '"done": 1' in latest.read_text()
    assert not list(workspace.models(problem.name).glob("*/checkpoint/epoch-0002*"))


def test_what_was_left_out_is_in_the_run_s_log(tmp_path: Path) -> None:
    from components.registry.runs import _metrics_of

    epoch = Epoch(
        number=1, training_loss=2.0, validation_loss=1.0, learning_rate=1e-3, images_per_second=9.0, skipped=4
    )
    assert {metric.key: metric.value for metric in _metrics_of(asdict(epoch))}["skipped"] == 4


@pytest.mark.parametrize("short", [False, True])
def test_a_step_in_short_numbers_computes_pixels_and_heads_in_whole_ones(
    short: bool, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    train = replace(settings.train, network="residual", bfloat16=short)
    trainer = Trainer(problem, small_dataset, replace(settings, train=train))
    batch = next(iter(trainer.batches.epoch([0])))
    dtypes = layer_dtypes(trainer.estimator.network, lambda: trainer.step(batch, rate=1e-3))
    assert (torch.bfloat16 in dtypes.values()) == short
    first, last = next(iter(dtypes)), list(dtypes)[-1]
    assert dtypes[first] == dtypes[last] == torch.float32


def test_short_numbers_move_no_image_s_loss_by_what_rounded_pixels_would(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    """All of it in bfloat16, as it was, costs 0.046 nats an image of a model that is trained."""
    train = replace(settings.train, network="residual", epochs=6, learning_rate=3e-3)
    trainer = Trainer(problem, small_dataset, replace(settings, train=train))
    list(trainer)
    whole = trainer.averaged.eval()
    short = copy.deepcopy(whole)
    use_short_numbers(short)
    moved, moved_before = [], []
    with torch.no_grad():
        for batch in trainer._validation():
            loss_b = whole.loss(batch.inputs, batch.targets)
            moved.append(short.loss(batch.inputs, batch.targets) - loss_b)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                moved_before.append(whole.loss(batch.inputs, batch.targets) - loss_b)
    spread, spread_before = (float(torch.cat(of).float().std()) for of in (moved, moved_before))
    assert abs(float(torch.cat(moved).mean())) < 0.01
    assert spread < 0.5 * spread_before
