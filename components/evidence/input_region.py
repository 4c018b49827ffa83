"""Where a model was measured: the range of each input over the validation split, for the service to doubt the rest.

    region = input_region(problem, dataset, settings, noise="sigma", device=device)
    region["inputs"]                                    # {"image": [0.9, 2.4], "sigma": [100.0, 400.0]}

`models.estimators.input_ranges` says what one number stands for an input, and reads the region.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from components.fields import presented
from models.estimators import summaries

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from components.core import ProblemSettings
    from components.fields import Dataset, Problem
    from models.fields import Arrays

__label__ = "input_region"

_VALIDATION = 101
"""Second part of the seed of the validation split's noise, as `measuring.py` has one for the test split."""
_ENDS = (0.005, 0.995)
"""Quantiles that the range reaches from and to: single odd images do not make it."""
_WIDER = 1.1
"""Times beyond them that a model is still reliable, so that hardly an image like the training's is doubted."""


def input_region(
    problem: "Problem",
    dataset: "Dataset",
    settings: "ProblemSettings",
    *,
    noise: str | float,
    device: "torch.device",
) -> dict[str, Any]:
    """The region as JSON-able values.

    Args:
        problem: what the inputs belong to.
        dataset: the images.
        settings: all of the problem's.
        noise: name of the input that is the noise of a pixel, or the number that takes its place.
        device: where images are made.
    """
    parts: list[dict[str, np.ndarray[Any, Any]]] = []
    seed = [settings.evaluate.seed, _VALIDATION]
    for batch in presented(problem, dataset, settings, dataset.rows("validation"), seed=seed, device=device):
        found = summaries(batch.inputs, noise_of(batch.inputs, noise))
        parts.append({name: array.double().cpu().numpy() for name, array in found.items()})
    ranges = {name: np.quantile(np.concatenate([part[name] for part in parts]), _ENDS) for name in parts[0]}
    # Summaries are positive, so that a ratio widens a range whatever its unit.
    return {"inputs": {name: [float(low) / _WIDER, float(high) * _WIDER] for name, (low, high) in ranges.items()}}


def noise_of(inputs: "Arrays", noise: str | float) -> "Tensor":
    """Noise of a pixel of each image, shape (b,); `noise` as of `input_region`."""
    return inputs[noise] if isinstance(noise, str) else inputs["image"].new_full((len(inputs["image"]),), noise)
