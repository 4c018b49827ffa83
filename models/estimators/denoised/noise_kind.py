"""Which of several kinds of noise an image has, by what single pixels and their neighbours look like.

    logit_bk = NoiseKind(kinds=4, width=8)(image_bhw)                  # an image whose maximum is 1

A noise has the same law everywhere, so that means over the image are all that is needed. Shape suffixes: b batch,
k kinds, h height, w width.
"""

import torch
from torch import Tensor, nn

from models.layers import dense_head

__label__ = "noise_kind"


class NoiseKind(nn.Module):
    """A small network.

    Args:
        kinds: how many.
        width: channels of its layers.
    """

    def __init__(self, *, kinds: int, width: int) -> None:
        super().__init__()
        self.near = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(width, width, 3, padding=1, stride=2)
        )
        self.head = dense_head(width + 3, 4 * width, kinds)

    def forward(self, image_bhw: Tensor) -> Tensor:
        """Logits, shape (b, k)."""
        # Values that noise makes frequent: none at all, the largest, and what lies between.
        none_bhw, most_bhw = (of.to(image_bhw.dtype) for of in (image_bhw <= 0, image_bhw >= 1))
        seen_b3hw = torch.stack([none_bhw, most_bhw, image_bhw.clamp(0, 1).sqrt()], dim=1)
        near_bw = self.near(seen_b3hw).relu().mean(dim=(2, 3))
        logit_bk: Tensor = self.head(torch.cat([near_bw, seen_b3hw.mean(dim=(2, 3))], dim=1))
        return logit_bk
