"""Statistics of a batch over all processes that share it: batch norm and its kin train as in one process.

    share_statistics(network)                     # once the processes have met

On GPUs batch norms become torch's own `SyncBatchNorm`, which refuses processors; there they become `SharedBatchNorm`,
of the same weights, names and numbers. Layers that take means themselves (`models.layers.MeanTaker`) take shared ones.
Shape suffixes: b batch, c channels.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.layers import MeanTaker

__label__ = "shared_statistics"


def share_statistics(network: nn.Module) -> None:
    """Have every layer of a network that learns from its batches learn from those of all processes."""
    for part in network.modules():
        if isinstance(part, MeanTaker):
            part.mean_over = shared_mean
        for name, layer in part.named_children():
            if isinstance(layer, _BatchNorm):
                setattr(part, name, _shared(layer))


def shared_mean(feature: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Mean over some axes, which stay with length 1, of the features of all processes; the batch is among the axes.

    Processes may hold different numbers of images: each image weighs the same.
    """
    total = feature.sum(dim=axes, keepdim=True)
    count = total.new_full((1,), feature.numel() / total.numel())
    summed: Tensor = _Sum.apply(torch.cat([total.flatten(), count]))  # type: ignore[no-untyped-call]
    return (summed[:-1] / summed[-1]).view_as(total)


class SharedBatchNorm(_BatchNorm):
    """Batch norm of one and two axes of pixels, or none, over the batches of all processes."""

    def forward(self, input: Tensor) -> Tensor:
        """Same shape and dtype."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        feature = input.float()
        axes = (0, *range(2, feature.ndim))
        mean = shared_mean(feature, axes)
        variance = shared_mean((feature - mean).square(), axes)
        with torch.no_grad():
            count = feature.new_tensor(feature.numel() / feature.shape[1])
            distributed.all_reduce(count)
            momentum = self.momentum if self.momentum is not None else 0.1
            self.running_mean.lerp_(mean.flatten(), momentum)
            self.running_var.lerp_((variance * count / (count - 1)).flatten(), momentum)
            self.num_batches_tracked += 1
        scale, shift = (of.view_as(mean[0]) for of in (self.weight, self.bias))
        standard: Tensor = (feature - mean) * (variance + self.eps).rsqrt()
        return (standard * scale + shift).to(input.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any."""


class _Sum(torch.autograd.Function):
    """The sum over processes; what comes back is the sum of what came back to each."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:  # noqa: ARG004
        summed = part.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        summed = gradient.contiguous().clone()
        distributed.all_reduce(summed)
        return summed


def _shared(layer: _BatchNorm) -> nn.Module:
    if layer.weight.device.type == "cuda":
        found: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(layer)  # type: ignore[no-untyped-call]
        return found
    momentum = 0.1 if layer.momentum is None else layer.momentum
    shared = SharedBatchNorm(layer.num_features, eps=layer.eps, momentum=momentum, dtype=layer.weight.dtype)
    shared.load_state_dict(layer.state_dict())
    return shared
