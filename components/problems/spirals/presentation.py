"""How galaxies are seen: with noise, linear or stretched; in training turned, under other conditions each time.

    image_bhw, truths = present(stored, seed_b, settings, training=True)

Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from components.fields import Seeds, normal, random_numbers, uniform
from components.problems.spirals.settings import SpiralProblemSettings
from components.simulators.folders import FolderSettings
from components.simulators.spirals import CONDITIONS, DRAWN, LINEAR, conditions
from models.fields import Arrays

__label__ = "spiral_presentation"

_NOISE, _CONDITIONS, _SYMMETRY = range(3)
"""Streams of random numbers of each image."""
_TOP = 0.998
"""Quantile of the pixels that a stretch is over."""


def present(stored: Arrays, seed_b: Seeds, settings: SpiralProblemSettings, *, training: bool) -> tuple[Tensor, Tensor]:
    """Pictures, and the random numbers by which `turned` is to turn them and their masks in training.

    Galaxies of the reference regime are never mirrored on the diagonal: their inclination is known.
    """
    symmetry_b3 = uniform(seed_b, (3,), stream=_SYMMETRY, device=next(iter(stored.values())).device)
    if isinstance(settings.simulate, FolderSettings):
        return stored["picture"][:, 0], symmetry_b3
    light_bhw = stored["light"]
    symmetry_b3[:, 2] = torch.where(stored["reference"] > 0, 1.0, symmetry_b3[:, 2])
    seen_bc = torch.stack([stored[name] for name in CONDITIONS], dim=1)
    if training:
        uniform_bk = random_numbers(seed_b, DRAWN, stream=_CONDITIONS)
        # Those of either regime for all: to ask which images are of which would be to wait for the device.
        usual_bc, regime_bc = (
            torch.from_numpy(conditions(settings.simulate, uniform_bk, np.full(len(seed_b), of))).to(light_bhw)
            for of in (0.0, 1.0)
        )
        seen_bc = torch.where(stored["reference"][:, None] > 0, regime_bc, usual_bc)
    snr_b, stretch_b = seen_bc.unbind(1)
    noise_bhw = normal(seed_b, tuple(light_bhw.shape[1:]), stream=_NOISE, device=light_bhw.device)
    return stretched(snr_b[:, None, None] * light_bhw + noise_bhw, stretch_b), symmetry_b3


def stretched(image_bhw: Tensor, stretch_b: Tensor) -> Tensor:
    """Brightness as pictures show it (Lupton et al. 2004), from 0; images of `LINEAR` stretch stay as they are.

    Args:
        image_bhw: linear.
        stretch_b: where it becomes logarithmic, over the brightest part.
    """
    soft_b11 = (stretch_b * image_bhw.flatten(1).quantile(_TOP, dim=1))[:, None, None].clamp_min(1e-6)
    shown_bhw = torch.asinh((image_bhw / soft_b11).clamp_min(0)) / torch.asinh(1 / stretch_b)[:, None, None]
    return torch.where(stretch_b[:, None, None] < LINEAR, shown_bhw, image_bhw)


def turned(image_bhw: Tensor, chance_b3: Tensor) -> Tensor:
    """Each image mirrored on either axis and on the diagonal, by chances of its own."""
    axes = (chance_b3 < 0.5)[:, :, None, None]
    image_bhw = torch.where(axes[:, 0], image_bhw.flip(1), image_bhw)
    image_bhw = torch.where(axes[:, 1], image_bhw.flip(2), image_bhw)
    return torch.where(axes[:, 2], image_bhw.transpose(1, 2), image_bhw)


def reclassed(class_b: Tensor, chance_b3: Tensor, mirrored: Sequence[int]) -> Tensor:
    """What the turned images show: an odd number of mirrors exchanges classes.

    Args:
        class_b: what they showed before.
        chance_b3: as of `turned`.
        mirrored: of each class that of its mirror image.
    """
    odd_b = (chance_b3 < 0.5).sum(dim=1) % 2 == 1
    return torch.where(odd_b, torch.tensor(mirrored, device=class_b.device)[class_b], class_b)
