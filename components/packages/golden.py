"""The images that packages are proved and asked with: the first test images, as a camera would see them."""

from typing import Any

import numpy as np
import torch

from components.core import ProblemSettings
from components.fields import Dataset, Problem


def sample(
    problem: Problem, dataset: Dataset, settings: ProblemSettings, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images under noise and their conditions, shapes (count, height, width) and (count, conditions)."""
    rows = dataset.rows("test")[:count]
    stamp_bhw = torch.from_numpy(dataset.stamps(rows))
    conditions_bc = torch.from_numpy(dataset.columns(problem.conditions, rows))
    generator = torch.Generator().manual_seed(settings.evaluate.seed)
    return problem.observe(stamp_bhw, conditions_bc, generator, settings.simulate), conditions_bc


def request_items(
    images: np.ndarray[Any, Any], conditions: np.ndarray[Any, Any], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Images and conditions as the service takes them, one mapping an image."""
    return [
        {"image": image.tolist(), **dict(zip(names, map(float, row), strict=True))}
        for image, row in zip(images, conditions, strict=True)
    ]
