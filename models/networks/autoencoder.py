"""The convolutional autoencoder: one latent vector gives both the denoised image and the parameters (Yin 2020).

Learning to draw the galaxy teaches the encoder what in an image is not noise.
"""

import torch
from torch import Tensor, nn

from models.layers import NetworkOutput, convolution, dense_head
from models.short_numbers import ShortNumbers

__label__ = "autoencoder"

_LATENT = 64
"""Length of the latent vector; the galaxies have five parameters and the PSF one."""


class Autoencoder(ShortNumbers):
    """Image channels and conditions to a vector and a denoised image.

    Args:
        channels: channels of the image.
        size: pixels on a side, divisible by 16.
        conditions: numbers given beside the image.
        outputs: length of the answer.
        width: channels of the first layer.
    """

    def __init__(self, *, channels: int, size: int, conditions: int, outputs: int, width: int) -> None:
        super().__init__()
        side = size // 16
        self.encoder = nn.Sequential(
            convolution(channels, width, kernel=5, stride=2),
            convolution(width, 2 * width, stride=2),
            convolution(2 * width, 4 * width, stride=2),
            convolution(4 * width, 4 * width, stride=2),
            nn.Flatten(),
        )
        self.to_latent = dense_head(4 * width * side**2 + conditions, 256, _LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(_LATENT, 4 * width * side**2),
            nn.Unflatten(1, (4 * width, side, side)),
            _doubled(4 * width, 4 * width),
            _doubled(4 * width, 2 * width),
            _doubled(2 * width, width),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
        )
        self.head = dense_head(_LATENT + conditions, 128, outputs)

    def forward(self, image_bchw: Tensor, conditions_bc: Tensor) -> NetworkOutput:
        """The answer, shape (b, outputs), and the image without noise, shape (b, size, size)."""
        latent = self.to_latent(torch.cat([self.trunk(self.encoder, image_bchw), conditions_bc], dim=1))
        answer = self.head(torch.cat([latent, conditions_bc], dim=1))
        # Nobody but a training asks for the picture, which is half of the work.
        return NetworkOutput(answer, self._picture(latent) if self.training else None)

    def _picture(self, latent: Tensor) -> Tensor:
        *layers, last = self.decoder
        picture_bhw: Tensor = last(self.trunk(layers, latent)).squeeze(1)
        return picture_bhw


def _doubled(inputs: int, outputs: int) -> nn.Sequential:
    """Twice the size."""
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.1),
    )


NETWORK = Autoencoder
