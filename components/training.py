"""Train one network: noise drawn afresh at every presentation, a checkpoint an epoch, the same result after a kill.

    folder = train(workspace, problem, dataset, settings, settings.train, source=read_source(workspace.root))

`Trainer` is one training as an iterator of epochs; searches stop it early, `train` writes its checkpoints.
"""

import json
import math
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm.auto import tqdm

import models.estimator
from components.datasets import Dataset
from components.digests import code_digest, value_digest
from components.problems.base import Problem
from components.settings import ProblemSettings, TrainSettings, settings_values
from components.source import Source
from components.workspace import Workspace
from models.estimator import Estimator
from models.saved import DESCRIPTION, read_description, save_model

_WARM_UP = 0.05
"""Share of all steps over which the learning rate rises; Adam's averages are meaningless before."""
_CLIP = 5.0
"""Largest norm of a gradient; a rare image with a tiny predicted error must not throw the weights away."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one pass over the training images came to."""

    number: int
    """From 1."""
    training_loss: float
    validation_loss: float


class Trainer:
    """One network in training; iterating trains it, an epoch at a time.

    Args:
        problem: gives noise, symmetry and loss.
        dataset: the images.
        settings: the problem's settings; `train` is taken from the next argument.
        train: network and schedule.
        images_per_epoch: training images in an epoch (default: all).
    """

    def __init__(
        self,
        problem: Problem,
        dataset: Dataset,
        settings: ProblemSettings,
        train: TrainSettings,
        *,
        images_per_epoch: int | None = None,
    ) -> None:
        self.problem, self.dataset, self.settings, self.train = problem, dataset, settings, train
        torch.manual_seed(train.seed)
        self.estimator = Estimator(problem.estimator_config(settings.simulate, train))
        # Convolutions on a CPU are up to twice as fast in this layout.
        self.estimator = self.estimator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(
            self.estimator.parameters(), lr=train.learning_rate, weight_decay=train.weight_decay
        )
        self.done = 0
        rows = dataset.rows("train")
        self._rows = rows if images_per_epoch is None else rows[:images_per_epoch]
        # The last, smaller batch is left out: the next epoch's order brings its images back.
        self._batch_size = min(train.batch_size, len(self._rows))
        self.steps_per_epoch = len(self._rows) // self._batch_size
        self._validation = self._observed_validation()

    def __iter__(self) -> Iterator[Epoch]:
        """Train what is left of the epochs."""
        while self.done < self.train.epochs:
            with _flushed_denormals():
                training_loss = self._train_epoch()
            self.done += 1
            yield Epoch(number=self.done, training_loss=training_loss, validation_loss=self.validation_loss())

    def validation_loss(self) -> float:
        """Mean loss over the validation split, under noise that is the same at every call."""
        self.estimator.eval()
        with torch.inference_mode():
            losses = [self.problem.loss(self.estimator, *batch) for batch in zip(*self._validation, strict=True)]
        return float(torch.cat(losses).mean())

    def state(self) -> dict[str, Tensor]:
        """Everything that the coming epochs depend on, as tensors."""
        weights = {f"weights.{name}": tensor for name, tensor in self.estimator.state_dict().items()}
        moments = {
            f"optimizer.{index}.{name}": tensor
            for index, values in self.optimizer.state_dict()["state"].items()
            for name, tensor in values.items()
        }
        return {name: tensor.contiguous() for name, tensor in (weights | moments).items()}

    def restore(self, state: dict[str, Tensor], done: int) -> None:
        """Go on from a `state()` taken after ``done`` epochs."""
        prefix = "weights."
        self.estimator.load_state_dict(
            {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        )
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.done = done

    def _train_epoch(self) -> float:
        self.estimator.train()
        # Seeded by the epoch: a resumed training draws what an unbroken one would have drawn.
        seeds = np.random.SeedSequence([self.train.seed, self.done])
        order = np.random.default_rng(seeds).permutation(self._rows)
        generator = torch.Generator().manual_seed(int(seeds.generate_state(1)[0]))
        total = 0.0
        for step in range(self.steps_per_epoch):
            rows = np.sort(order[step * self._batch_size : (step + 1) * self._batch_size])
            stamp_bhw, conditions_bc, truth_bp = self._batch(rows)
            image_bhw = self.problem.observe(stamp_bhw, conditions_bc, generator, self.settings.simulate)
            image_bhw, truth_bp = self.problem.augment(image_bhw, truth_bp, generator)
            for group in self.optimizer.param_groups:
                group["lr"] = self._learning_rate(self.done * self.steps_per_epoch + step)
            loss = self.problem.loss(self.estimator, image_bhw, conditions_bc, truth_bp).mean()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.estimator.parameters(), _CLIP)
            self.optimizer.step()
            total += float(loss.detach())
        return total / self.steps_per_epoch

    def _learning_rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to a hundredth."""
        total = self.train.epochs * self.steps_per_epoch
        warm_up = max(1, round(_WARM_UP * total))
        if step < warm_up:
            return self.train.learning_rate * (step + 1) / warm_up
        progress = (step - warm_up) / max(1, total - warm_up)
        return self.train.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))

    def _batch(self, rows: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor, Tensor]:
        return (
            torch.from_numpy(self.dataset.stamps(rows)),
            torch.from_numpy(self.dataset.columns(self.problem.conditions, rows)),
            torch.from_numpy(self.dataset.columns(self.problem.truths, rows)),
        )

    def _observed_validation(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]]:
        stamp_bhw, conditions_bc, truth_bp = self._batch(self.dataset.rows("validation"))
        generator = torch.Generator().manual_seed(self.settings.simulate.seed)
        image_bhw = self.problem.observe(stamp_bhw, conditions_bc, generator, self.settings.simulate)
        return torch.split(image_bhw, 256), torch.split(conditions_bc, 256), torch.split(truth_bp, 256)


@contextmanager
def _flushed_denormals() -> Iterator[None]:
    """Vanishing gradients slow a CPU tenfold unless they count as zero; nothing else is to compute that way."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def training_inputs(problem: Problem, train: TrainSettings) -> dict[str, Any]:
    """Everything beside the data that decides what a training comes to."""
    modules = (models.estimator, *models.estimator.NETWORK_MODULES, sys.modules[__name__], *problem.training_sources())
    return {
        "code": code_digest(modules),
        "settings": settings_values(train),
        "libraries": {"torch": version("torch").split("+")[0]},
    }


def search_inputs(settings: ProblemSettings) -> dict[str, Any]:
    """What decides a search, beside data and training; the number of workers only decides how long it takes."""
    return {name: value for name, value in settings_values(settings.search).items() if name != "workers"}


def train(
    workspace: Workspace,
    problem: Problem,
    dataset: Dataset,
    settings: ProblemSettings,
    train: TrainSettings,
    *,
    source: Source,
) -> Path:
    """Train, or find the model of the very same inputs.

    Returns:
        The model's folder, as `models.saved` writes it, with the history of its epochs.

    Raises:
        DamagedModelError: when it is there but its weights are not what was saved.
    """
    inputs = training_inputs(problem, train)
    key = value_digest({"problem": problem.name, "data": dataset.manifest["key"], **inputs})
    folder = workspace.models(problem.name) / key[:16]
    if (folder / DESCRIPTION).exists():
        read_description(folder)
        return folder
    trainer = Trainer(problem, dataset, settings, train)
    checkpoint = folder / "checkpoint"
    history = _load_checkpoint(trainer, checkpoint)
    with tqdm(
        total=train.epochs, initial=trainer.done, desc=f"train {train.network}", unit="epoch", disable=None
    ) as bar:
        for epoch in trainer:
            history.append(asdict(epoch))
            _save_checkpoint(trainer, history, checkpoint)
            bar.update()
            bar.set_postfix(loss=f"{epoch.training_loss:.3f}", validation=f"{epoch.validation_loss:.3f}")
    save_model(
        folder,
        trainer.estimator.eval(),
        {
            "problem": problem.name,
            "key": key,
            "units": dict(problem.units),
            "inputs": {
                "data": dataset.manifest["key"],
                "simulator": dataset.manifest["inputs"],
                "search": {"settings": search_inputs(settings)},
                "training": inputs,
            },
            "fingerprint": dataset.manifest["fingerprint"],
            "history": history,
            "git": asdict(source),
        },
    )
    shutil.rmtree(checkpoint)
    return folder


def _save_checkpoint(trainer: Trainer, history: list[dict[str, Any]], checkpoint: Path) -> None:
    checkpoint.mkdir(parents=True, exist_ok=True)
    # One file name an epoch and one pointer to it, moved in one step: a kill leaves the last whole pair.
    name = f"epoch-{trainer.done:04d}.safetensors"
    save_file(trainer.state(), checkpoint / name)
    partial = checkpoint / ".latest.json"
    partial.write_text(json.dumps({"state": name, "done": trainer.done, "history": history}), encoding="utf-8")
    partial.replace(checkpoint / "latest.json")
    for old in checkpoint.glob("epoch-*.safetensors"):
        if old.name != name:
            old.unlink()


def _load_checkpoint(trainer: Trainer, checkpoint: Path) -> list[dict[str, Any]]:
    try:
        latest = json.loads((checkpoint / "latest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    trainer.restore(load_file(checkpoint / latest["state"]), latest["done"])
    return list(latest["history"])
