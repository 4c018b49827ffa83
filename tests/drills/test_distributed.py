"""One training over two processes: together they train the same network as one process does."""

import multiprocessing
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed, nn

from components.core.errors import AssayError
from components.core.known_digests import KnownDigests
from components.core.settings import ProblemSettings, TrainSettings
from components.fields.dataset import Dataset
from components.fields.presenting import Batch
from components.fields.problem import Problem
from components.problems.galaxy_shape.settings import GalaxyTrainSettings
from components.training.checkpoints import load_checkpoint
from components.training.distributed import meet, train_in_processes
from components.training.steps import Steps
from components.training.trainer import Epoch, Trainer
from models.estimators import Estimator
from models.fields import Arrays
from models.map_networks import find_map_network, map_network_names
from models.networks import find_network, network_names

pytestmark = [pytest.mark.slow, pytest.mark.ci]

NETWORKS = (*network_names(), *map_network_names())
STEPS, ROWS, SIDE, SPOILT = 4, 7, 32, 2
"""A batch of seven is four images for one process and three for the other; one image of one batch is NaN."""
TRAIN = TrainSettings(
    network="any", width=4, learning_rate=1e-3, weight_decay=1e-4, batch_size=8, epochs=1, processes=1, seed=0
)


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
    assert trainer.validation_loss() == pytest.approx(history[-1]["validation_loss"], rel=1e-6)
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
    with pytest.raises(AssayError, match="nowhere"):
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


class Answering(nn.Module):
    """What `Steps` needs of an estimator, with any network."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(5)
        if name in network_names():
            self.network = find_network(name)(channels=2, size=SIDE, conditions=1, outputs=3, width=4)
        else:
            self.network = find_map_network(name)(channels=2, maps=1, width=4)
        self.maps = name in map_network_names()
        for layer in self.modules():
            if isinstance(layer, nn.Dropout2d):  # each process draws its own
                layer.p = 0.0

    def loss(self, inputs: Arrays, targets: Arrays) -> torch.Tensor:
        image, wanted = inputs["image"], targets["wanted"]
        if self.maps:
            return cast(torch.Tensor, (self.network(image)[:, 0] - wanted).square().mean(dim=(1, 2)))
        answer, picture = self.network(image, image[:, 0, 0, :1])
        loss: torch.Tensor = (answer - wanted[:, 0, :3]).square().mean(dim=1)
        return loss if picture is None else loss + (picture - wanted).square().mean(dim=(1, 2))


@patch.object(torch.Tensor, "float", torch.Tensor.double)
def learn(name: str, rank: int, processes: int) -> tuple[dict[str, torch.Tensor], float, int]:
    """Weights after a few steps, the mean loss of all, and how many were left out.

    In double precision: of what single rounds, other on each processor, Adam and the kink of a ReLU would make whole
    steps. What networks raise from bfloat16 stays double, too.
    """
    estimator = cast(Estimator, Answering(name).double().train())
    train = replace(TRAIN, processes=processes)
    taken = Steps(estimator, train, decay=0.5, batch_size=ROWS, processes=processes)
    draw = torch.Generator().manual_seed(1)
    for step in range(STEPS):
        # Images of other means and sizes: statistics of a part are not those of the batch.
        image = (
            torch.randn(ROWS, 2, SIDE, SIDE, generator=draw, dtype=torch.float64)
            + torch.arange(ROWS)[:, None, None, None]
        ) / 3
        wanted = image[:, 0].flip(1).clone()
        if step == SPOILT:
            image[1, 0, 3, 3] = torch.nan  # seen by the second process alone
        share = slice(rank, None, processes)
        taken.take(Batch({"image": image[share]}, {"wanted": wanted[share]}), rate=1e-3)
    loss, skipped = taken.told()
    return estimator.state_dict(), loss, skipped


def learn_together(rank: int, folder: Path) -> None:
    meet(rank, 2, f"file://{folder}/meeting")
    for name in NETWORKS:
        state, loss, skipped = learn(name, rank, 2)
        told = {"loss": torch.tensor(loss), "skipped": torch.tensor(skipped)}
        save_file({key: of.contiguous() for key, of in (state | told).items()}, folder / f"{name}-{rank}.safetensors")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def learned_together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what each of two processes made of every network."""
    folder, context = tmp_path_factory.mktemp("together"), multiprocessing.get_context("spawn")
    children = [context.Process(target=learn_together, args=(rank, folder)) for rank in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    return folder


@pytest.mark.parametrize("name", NETWORKS)
def test_two_processes_of_unequal_shares_give_the_weights_of_one(learned_together: Path, name: str) -> None:
    begin = Answering(name).state_dict()
    alone, loss, skipped = learn(name, 0, 1)
    first, second = (load_file(learned_together / f"{name}-{rank}.safetensors") for rank in range(2))
    assert skipped == int(first["skipped"]) == int(second["skipped"]) == 1
    assert float(first["loss"]) == pytest.approx(loss, rel=1e-6)
    for key, tensor in alone.items():
        assert torch.equal(first[key], second[key]), key
        if tensor.is_floating_point():
            torch.testing.assert_close(first[key], tensor, rtol=0, atol=1e-9, msg=key)
        else:
            assert torch.equal(first[key], tensor), key
    moved = sum(float((tensor - begin[key]).square().sum()) for key, tensor in alone.items())
    assert moved > 0


def test_each_epoch_is_told_of_here_and_whoever_is_told_may_end_them(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings, tmp_path: Path
) -> None:
    shared = replace(settings, train=replace(settings.train, processes=2, epochs=50))
    told: list[Epoch] = []

    def prune(epoch: Epoch) -> None:
        told.append(epoch)
        if epoch.number == 2:
            raise InterruptedError("pruned")

    with pytest.raises(InterruptedError, match="pruned"):
        train_in_processes(problem, small_dataset, shared, tmp_path, on_epoch=prune)
    assert [epoch.number for epoch in told] == [1, 2]
    trainer = Trainer(problem, small_dataset, settings)
    history = load_checkpoint(trainer, tmp_path)
    assert [epoch["number"] for epoch in history] == [1, 2]
    # Each process judged a part of the validation split: the mean is that of all.
    assert trainer.validation_loss() == pytest.approx(told[-1].validation_loss, rel=1e-6)
