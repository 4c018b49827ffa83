"""What the networks share: the layers they are built from, and what each of them returns."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

__label__ = "layers"


class NetworkOutput(NamedTuple):
    """What a network says of a batch of images."""

    answer_bo: Tensor
    """The vector that `models.estimators.numbers` reads as a Gaussian."""
    denoised_bhw: Tensor | None
    """The image without its noise, in units of the noise, from networks that make one."""


class MeanTaker(nn.Module):
    """A layer that keeps means of its batches; processes that share a batch have it take them over all of it."""

    mean_over: Callable[[Tensor, tuple[int, ...]], Tensor]
    """Of features over some axes, which stay with length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.mean_over = _mean


def _mean(feature: Tensor, axes: tuple[int, ...]) -> Tensor:
    return feature.mean(dim=axes, keepdim=True)


class GlobalBranch(nn.Module):
    """Dense layers over all of an image, which is made small for them.

    Args:
        channels: channels of the image.
        width: a thirty-second of the features.
    """

    side = 32
    """Pixels of the small image."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.features = 32 * width
        self.layers = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(channels * self.side**2, self.features, bias=False), nn.BatchNorm1d(self.features)),
            nn.LeakyReLU(0.1),
            *(nn.Linear(self.features, self.features, bias=False), nn.BatchNorm1d(self.features)),
            nn.LeakyReLU(0.1),
        )

    def forward(self, image_bchw: Tensor) -> Tensor:
        """The features, shape (b, features)."""
        found_bf: Tensor = self.layers(functional.adaptive_avg_pool2d(image_bchw, self.side))
        return found_bf


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm and leaky ReLU, the size divided by the stride."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.1),
    )


def dense_head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two dense layers from features to an answer."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, outputs))
