"""How skies are shown to a network that takes their noise away, and what it is built from.

Everything here decides what a training comes to. Shape suffixes: b batch, h height, w width.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from components.fields import Seeds, poisson, to_device, uniform
from components.problems.skies import OF_COUNTS, familiar_config
from components.problems.sky_denoising.noises import COUNTS, NOISES, with_noise
from components.problems.sky_denoising.settings import SkyDenoisingSettings
from models.fields import Arrays

__label__ = "sky_denoising_presentation"

_OF_KIND, _OF_TURN = 6, 7
"""Streams of random numbers of each image."""


def present(
    stored: Arrays, seed_b: Seeds, settings: SkyDenoisingSettings, *, noise: str | None, training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Skies with noise, in units of the clean one's maximum, and without; `maximum` is that, in counts.

    Args:
        stored: what is expected of each.
        seed_b: of each sky.
        settings: all of the problem's.
        noise: the kind that all have; any is as likely where it is None.
        training: whether skies are turned by quarters, too, which are as likely as any other angle.
    """
    expected_bhw = stored["expected"]
    device = expected_bhw.device
    if training:
        expected_bhw = _turned(expected_bhw, uniform(seed_b, (1,), stream=_OF_TURN, device=device)[:, 0])
    count_bhw = poisson(seed_b, expected_bhw, stream=OF_COUNTS)
    most_b11 = count_bhw.amax(dim=(1, 2), keepdim=True).clamp_min(1)
    clean_bhw, wanted_bhw = count_bhw / most_b11, expected_bhw / most_b11
    kind_b = kinds(seed_b, noise)
    image_bhw, target_bhw = clean_bhw.clone(), clean_bhw.clone()
    for number, name in enumerate(NOISES):
        rows = np.flatnonzero(kind_b == number)
        if len(rows):
            here = to_device(torch.from_numpy(rows), device)
            image_bhw[here] = with_noise(name, clean_bhw[here], seed_b[rows], settings.train.noise)
            if name == COUNTS:
                target_bhw[here] = wanted_bhw[here]
    kinds_there = to_device(torch.from_numpy(kind_b), device)
    targets = {"clean_image": target_bhw, "noise_kind": kinds_there, "maximum": most_b11[:, 0, 0]}
    return {"image": image_bhw}, targets


def kinds(seed_b: Seeds, noise: str | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number of the noise of each sky: known here, so that no device is asked which skies have one."""
    if noise is not None:
        return np.full(len(seed_b), NOISES.index(noise), dtype=np.int64)
    drawn_b = uniform(seed_b, (1,), stream=_OF_KIND, device=torch.device("cpu"))[:, 0]
    kind_b: np.ndarray[Any, np.dtype[np.int64]] = (len(NOISES) * drawn_b).long().clamp_max(len(NOISES) - 1).numpy()
    return kind_b


def estimator_config(settings: SkyDenoisingSettings) -> dict[str, Any]:
    """Network and kinds of noise, and what doubts are set by."""
    simulation, train = settings.simulate, settings.train
    familiar = {
        **familiar_config(simulation, train.familiar_images),
        "turned": simulation.rotated,
        "level": "the light beside bright pixels",  # of all: images come in any unit
    }
    return {
        "kind": "denoised",
        "network": train.network,
        "width": train.width,
        "size": simulation.size,
        "unit": "",
        "noises": list(NOISES),
        "own_maximum": train.own_maximum,
        "familiar": familiar,
    }


def _turned(map_bhw: Tensor, drawn_b: Tensor) -> Tensor:
    quarter_b = (4 * drawn_b).long()
    turned_bhw = map_bhw
    for quarters in range(1, 4):
        which_b11 = (quarter_b == quarters)[:, None, None]
        turned_bhw = torch.where(which_b11, map_bhw.rot90(quarters, dims=(1, 2)), turned_bhw)
    return turned_bhw
