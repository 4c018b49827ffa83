"""The steps of a training: each down the gradient of a batch's loss, or none where that gradient is not finite.

    steps = Steps(estimator, settings.train, decay=0.99)
    steps.take(batch, rate=1e-3)
    loss, skipped = steps.told()                  # of the steps since it was last asked, read from the device once

One image without a finite loss would make every weight NaN, and with it what batch norms remember: such a step leaves
weights, optimiser and memory as they were. On a GPU that is decided there, since who asks waits for all that is queued.
Processes that share a batch decide by the same gradient, and so alike.
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import chain

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from components.core import AssayError, TrainSettings
from components.fields import Batch
from components.training.shared_statistics import share_statistics
from models.estimators import Estimator
from models.short_numbers import use_short_numbers

__label__ = "training_steps"

CLIP = 5.0
"""Largest norm of a gradient; a rare image with a tiny predicted error must not throw the weights away."""
MOST_IN_A_ROW = 10
"""Steps without a finite gradient, one after the other, that end a training: it is the weights or the data, not an
image."""


class Steps:
    """What of a training changes with each step.

    Args:
        estimator: that learns, on its device.
        train: its settings.
        decay: share of the averaged weights that a step leaves as it was.
        batch_size: images in a batch, of all processes together.
        processes: that share each batch; they have met.
    """

    def __init__(
        self, estimator: Estimator, train: TrainSettings, *, decay: float, batch_size: int, processes: int
    ) -> None:
        self.estimator, self._batch_size, self._processes = estimator, batch_size, processes
        self.averaged = deepcopy(estimator)
        self._average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.begun = False
        """Whether a step was taken: averages begin with the first."""
        self._device = next(estimator.parameters()).device
        if self._device.type == "cuda" or train.bfloat16:
            use_short_numbers(estimator)
        objective = Objective(estimator)
        if processes > 1:
            share_statistics(estimator)
            # The statistics in buffers are shared already.
            self._objective: nn.Module = DistributedDataParallel(objective, broadcast_buffers=False)
        else:
            self._objective = objective
        self._on_device = decides_itself(self._device)
        self.optimizer = torch.optim.AdamW(
            estimator.parameters(),
            lr=train.learning_rate,
            weight_decay=train.weight_decay,
            fused=True if self._on_device else None,
        )
        # Counted on the device: what was learned from, what was left out, and how often that one after the other.
        self._loss, self._taken, self._skipped, self._in_a_row, self._most = torch.zeros(5, device=self._device)

    def take(self, batch: Batch, *, rate: float) -> Tensor:
        """One step; the loss before it.

        Args:
            batch: this process's share.
            rate: learning rate.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        kept = [(buffer, buffer.clone()) for buffer in self.estimator.network.buffers()]
        loss = self._mean(self._objective(batch))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        sound = nn.utils.clip_grad_norm_(self.estimator.parameters(), CLIP).isfinite()
        for buffer, before in kept:
            buffer.copy_(torch.where(sound, buffer, before))
        self._count(loss.detach(), sound)
        if self._on_device:
            # As `torch.amp.GradScaler` tells a fused optimiser to leave a step out.
            self.optimizer.found_inf = (~sound).float()  # type: ignore[attr-defined]
            self.optimizer.step()
        elif bool(sound):
            self.optimizer.step()
        self._add_to_average()
        return loss.detach()

    def told(self) -> tuple[float, int]:
        """Mean loss of the steps since it was last asked, and how many others were left out.

        Raises:
            AssayError: when too many were left out one after the other, or all.
        """
        if self._processes > 1:
            distributed.all_reduce(self._loss)
        total, skipped, taken, most = torch.stack([self._loss, self._skipped, self._taken, self._most]).tolist()
        for of in (self._loss, self._skipped, self._taken, self._most):
            of.zero_()
        if most >= MOST_IN_A_ROW or not taken:
            raise AssayError(
                f"{most:.0f} batches in a row had gradients that are not finite, and none was learned from",
                "set a smaller train.learning_rate in params.yaml, or look for the images with `assay validate`",
            )
        return total / self._processes / taken, int(skipped)

    def _mean(self, loss_b: Tensor) -> Tensor:
        """Of all processes' images, each of which weighs the same; what is left after gradients are averaged."""
        if self._processes == 1:
            return loss_b.mean()
        return loss_b.sum() * (self._processes / self._batch_size)

    def _count(self, loss: Tensor, sound: Tensor) -> None:
        self._loss += torch.where(sound, loss, 0.0)
        self._taken += sound
        self._skipped += ~sound
        self._in_a_row.copy_(torch.where(sound, 0.0, self._in_a_row + 1))
        torch.maximum(self._most, self._in_a_row, out=self._most)

    @torch.no_grad()
    def _add_to_average(self) -> None:
        pairs = list(zip(_tensors(self.averaged), _tensors(self.estimator), strict=True))
        if not self.begun:
            self.begun = True
            for averaged, now in pairs:
                averaged.copy_(now)
            return
        for floating in (True, False):
            chosen = [pair for pair in pairs if pair[0].is_floating_point() == floating]
            if chosen:
                self._average([averaged for averaged, _ in chosen], [now for _, now in chosen], None)


class Objective(nn.Module):
    """The loss as a module, whose forward pass several processes can share.

    Args:
        estimator: whose loss.
    """

    def __init__(self, estimator: Estimator) -> None:
        super().__init__()
        self.estimator = estimator

    def forward(self, batch: Batch) -> Tensor:
        """Of each image, shape (b,)."""
        return self.estimator.loss(batch.inputs, batch.targets)


def decides_itself(device: torch.device) -> bool:
    """Whether a step is left out by the device, without its telling; a processor waits for nothing when it is asked."""
    return device.type == "cuda"


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    return chain(model.parameters(), model.buffers())
