"""What of a network a training may compute in bfloat16: the trunk, between its first layer and its heads.

    class PlainCNN(ShortNumbers):
        def forward(self, image_bchw, …): ... self.head(self.trunk(self.features, image_bchw))

    use_short_numbers(estimator)                   # from now on; models that answer never do

Such numbers have eight bits. Pixels rounded to them lose half a standard deviation of the noise where they are bright,
and what heads say and losses compare hangs on smaller differences: so both stay in float32, as do the dense layers that
see an image as it is.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

__label__ = "short_numbers"


class ShortNumbers(nn.Module):
    """A network with a trunk."""

    short = False
    """Whether it is computed in bfloat16."""

    def shortened(self, like: Tensor) -> AbstractContextManager[object]:
        """Within it layers compute in bfloat16, where that is wanted; what comes out is to be made `float()` again.

        Args:
            like: on the device that they compute on.
        """
        return torch.autocast(like.device.type, dtype=torch.bfloat16) if self.short else nullcontext()

    def trunk(self, layers: Iterable[nn.Module], image_bchw: Tensor) -> Tensor:
        """What layers, one after the other, make of an image, in float32: the first that has weights computes so."""
        here, begun = image_bchw, False
        for layer in layers:
            if begun:
                with self.shortened(here):
                    here = layer(here)
            else:
                here = layer(here)
                begun = any(True for _ in layer.parameters())
        return here.float()


def use_short_numbers(model: nn.Module) -> None:
    """Let every trunk in a model compute in bfloat16."""
    for part in model.modules():
        if isinstance(part, ShortNumbers):
            part.short = True
