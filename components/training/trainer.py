"""The training loop: an iterator of epochs whose state can be saved and restored to the same result.

    for epoch in Trainer(problem, dataset, settings):
        print(epoch.number, epoch.validation_loss)

Warm-up and cosine schedule; `steps.py` has the steps. On a GPU networks are compiled, their trunks in bfloat16. Under
`components/training/distributed.py` every process holds one `Trainer`, shows its share of every batch, and judges its
share of the validation split.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, distributed

from components.core import ProblemSettings, keep_freed_memory
from components.fields import Batch, Dataset, Problem, build_estimator
from components.training.batches import Batches, observed_validation
from components.training.steps import Objective, Steps
from models.devices import best_device
from models.estimators import Estimator

__label__ = "trainer"

_WARM_UP = 0.05
"""Share of all steps over which the learning rate rises; Adam's averages are meaningless before."""
_LAST_RATE = 0.01
"""Learning rate at the end, relative to its peak."""
_AVERAGED = 0.02
"""Weights are averaged over about this share of all steps; longer averages lag behind the falling learning rate."""


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
    skipped: int = 0
    """Batches whose gradient was not finite: nothing was learned from them."""


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
        self._steps = Steps(self.estimator, train, decay=decay, batch_size=self.batches.batch_size, processes=share[1])
        self._judge = Objective(self.averaged)
        self._share = share
        self._validation = partial(observed_validation, problem, dataset, settings, self.device, share=share)
        self.done = 0

    @property
    def averaged(self) -> Estimator:
        """The network with averaged weights: what a training is for."""
        return self._steps.averaged

    def __iter__(self) -> Iterator[Epoch]:
        """Train what is left of the epochs.

        Raises:
            AssayError: when many batches, one after the other, have gradients that are not finite.
        """
        while self.done < self.train.epochs:
            start = time.perf_counter()
            with _flushed_denormals():
                training_loss, skipped = self._train_epoch()
            seconds = time.perf_counter() - start
            self.done += 1
            yield Epoch(
                number=self.done,
                training_loss=training_loss,
                validation_loss=self.validation_loss(),
                learning_rate=self.learning_rate(self.done * self.batches.steps - 1),
                images_per_second=self.batches.steps * self.batches.batch_size / seconds,
                skipped=skipped,
            )

    def validation_loss(self) -> float:
        """Mean loss of the averaged weights over the validation split, under noise that is the same at every call."""
        self.averaged.eval()
        with torch.inference_mode():
            losses = torch.cat([self._judge(batch) for batch in self._validation()])
            if self._share[1] == 1:
                return float(losses.mean())
            summed = torch.stack([losses.double().sum(), losses.new_tensor(len(losses), dtype=torch.float64)])
            distributed.all_reduce(summed)
        total, count = summed.tolist()
        return float(total / count)

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
            for index, values in self._steps.optimizer.state_dict()["state"].items()
            for name, tensor in values.items()
        }
        parts = {"weights": self.estimator.state_dict(), "averaged": self.averaged.state_dict(), "optimizer": moments}
        # Copies, because parts of one storage cannot be saved.
        return {
            f"{part}.{name}": tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for part, state in parts.items()
            for name, tensor in state.items()
        }

    def restore(self, state: dict[str, Tensor], done: int) -> None:
        """Go on from a `state()` taken after ``done`` epochs."""
        self.estimator.load_state_dict(_part(state, "weights"))
        self.averaged.load_state_dict(_part(state, "averaged"))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(state, "optimizer").items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor
        optimizer = self._steps.optimizer
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        self._steps.begun, self.done = done > 0, done

    def _train_epoch(self) -> tuple[float, int]:
        self.estimator.train()
        # Seeded by the epoch: a resumed training draws what an unbroken one would have drawn.
        for step, batch in enumerate(self.batches.epoch([self.train.seed, self.done])):
            self.step(batch, rate=self.learning_rate(self.done * self.batches.steps + step))
        return self._steps.told()

    def step(self, batch: Batch, *, rate: float) -> Tensor:
        """One step down the gradient; the loss before it."""
        return self._steps.take(batch, rate=rate)


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
