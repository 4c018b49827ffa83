"""The training loop: an iterator of epochs whose state can be saved and restored to the same result.

    for epoch in Trainer(problem, dataset, settings):
        print(epoch.number, epoch.validation_loss)

Warm-up and cosine schedule, clipped gradients, averaged weights; on a GPU bfloat16 and compiled networks. Under
`components/training/distributed.py` every process holds one `Trainer` and shows its share of every batch.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from components.core import ProblemSettings, keep_freed_memory
from components.fields import Batch, Dataset, Problem, build_estimator
from components.training.batches import Batches, observed_validation
from models.devices import best_device
from models.estimators import Estimator

__label__ = "trainer"

_WARM_UP = 0.05
"""Share of all steps over which the learning rate rises; Adam's averages are meaningless before."""
_LAST_RATE = 0.01
"""Learning rate at the end, relative to its peak."""
_AVERAGED = 0.02
"""Weights are averaged over about this share of all steps; longer averages lag behind the falling learning rate."""
_CLIP = 5.0
"""Largest norm of a gradient; a rare image with a tiny predicted error must not throw the weights away."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one pass over the training images came to."""

    number: int
    """From 1."""
    training_loss: float
    validation_loss: float
    """Of the averaged weights."""
    learning_rate: float
    """Of the last step."""
    images_per_second: float


class Trainer:
    """One network in training; iterating trains it, an epoch at a time.

    Args:
        problem: gives noise, symmetry and estimator.
        dataset: the images.
        settings: the problem's; `train` has network and schedule.
        images_per_epoch: training images in an epoch (default: all).
        device: where to train.
        share: (rank, processes) of a training over several processes.
    """

    def __init__(
        self,
        problem: Problem,
        dataset: Dataset,
        settings: ProblemSettings,
        *,
        images_per_epoch: int | None = None,
        device: torch.device | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        train, self.device = settings.train, device or best_device()
        self.train = train
        if self.device.type == "cpu":
            keep_freed_memory()
        torch.manual_seed(train.seed)
        estimator = build_estimator(problem, settings)
        # Convolutions are up to twice as fast in this layout.
        self.estimator: Estimator = estimator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.device.type == "cuda":
            self.estimator.network.compile()
        self._objective: nn.Module = _Objective(self.estimator)
        if share[1] > 1:
            self._objective = DistributedDataParallel(self._objective)
        self.optimizer = torch.optim.AdamW(
            self.estimator.parameters(), lr=train.learning_rate, weight_decay=train.weight_decay
        )
        rows = dataset.rows("train")
        self.batches = Batches(
            problem,
            dataset,
            settings,
            rows=rows if images_per_epoch is None else rows[:images_per_epoch],
            batch_size=train.batch_size,
            device=self.device,
            share=share,
        )
        decay = 1 - 1 / max(2.0, _AVERAGED * train.epochs * self.batches.steps)
        self._averaged = AveragedModel(self.estimator, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]
        self._judge = _Objective(self.averaged)
        self._validation = partial(observed_validation, problem, dataset, settings, self.device)
        self.done = 0

    @property
    def averaged(self) -> Estimator:
        """The network with averaged weights: what a training is for."""
        return cast("Estimator", self._averaged.module)

    def __iter__(self) -> Iterator[Epoch]:
        """Train what is left of the epochs."""
        while self.done < self.train.epochs:
            start = time.perf_counter()
            with _flushed_denormals():
                training_loss = self._train_epoch()
            seconds = time.perf_counter() - start
            self.done += 1
            yield Epoch(
                number=self.done,
                training_loss=training_loss,
                validation_loss=self.validation_loss(),
                learning_rate=self.learning_rate(self.done * self.batches.steps - 1),
                images_per_second=self.batches.steps * self.batches.batch_size / seconds,
            )

    def validation_loss(self) -> float:
        """Mean loss of the averaged weights over the validation split, under noise that is the same at every call."""
        self.averaged.eval()
        with torch.inference_mode():
            losses = torch.cat([self._judge(batch) for batch in self._validation()])
        return float(losses.mean())

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to a hundredth."""
        total = self.train.epochs * self.batches.steps
        warm_up = max(1, round(_WARM_UP * total))
        if step < warm_up:
            return self.train.learning_rate * (step + 1) / warm_up
        progress = (step - warm_up) / max(1, total - warm_up)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return self.train.learning_rate * (_LAST_RATE + (1 - _LAST_RATE) * cosine)

    def state(self) -> dict[str, Tensor]:
        """Everything that the coming epochs depend on, as tensors."""
        moments = {
            f"{index}.{name}": tensor
            for index, values in self.optimizer.state_dict()["state"].items()
            for name, tensor in values.items()
        }
        parts = {"weights": self.estimator.state_dict(), "averaged": self._averaged.state_dict(), "optimizer": moments}
        # Copies, because parts of one storage cannot be saved.
        return {
            f"{part}.{name}": tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for part, state in parts.items()
            for name, tensor in state.items()
        }

    def restore(self, state: dict[str, Tensor], done: int) -> None:
        """Go on from a `state()` taken after ``done`` epochs."""
        self.estimator.load_state_dict(_part(state, "weights"))
        self._averaged.load_state_dict(_part(state, "averaged"))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(state, "optimizer").items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.done = done

    def _train_epoch(self) -> float:
        self.estimator.train()
        total = torch.zeros((), device=self.device)
        # Seeded by the epoch: a resumed training draws what an unbroken one would have drawn.
        for step, batch in enumerate(self.batches.epoch([self.train.seed, self.done])):
            for group in self.optimizer.param_groups:
                group["lr"] = self.learning_rate(self.done * self.batches.steps + step)
            total += self.step(batch)
        return float(total) / self.batches.steps

    def step(self, batch: Batch) -> Tensor:
        """One step down the gradient; the loss before it."""
        short = self.device.type == "cuda" or self.train.bfloat16
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=short):
            loss = self._objective(batch).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.estimator.parameters(), _CLIP)
        self.optimizer.step()
        self._averaged.update_parameters(self.estimator)
        return cast("Tensor", loss.detach())


class _Objective(nn.Module):
    """The loss as a module, whose forward pass several processes can share."""

    def __init__(self, estimator: Estimator) -> None:
        super().__init__()
        self.estimator = estimator

    def forward(self, batch: Batch) -> Tensor:
        return self.estimator.loss(batch.inputs, batch.targets)


def _part(state: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


@contextmanager
def _flushed_denormals() -> Iterator[None]:
    """Vanishing gradients slow a CPU tenfold unless they count as zero; nothing else is to compute that way."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
