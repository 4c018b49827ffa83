"""What packages are proved and asked with: the first test images, as a camera would see them, and their answers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from components.core import AssayError, ProblemSettings
from components.fields import Dataset, Problem
from models.estimators import Estimator


def sample(problem: Problem, dataset: Dataset, settings: ProblemSettings, count: int) -> tuple[Tensor, Tensor]:
    """Images under noise and their conditions, shapes (count, height, width) and (count, conditions)."""
    rows = dataset.rows("test")[:count]
    stamp_bhw = torch.from_numpy(dataset.stamps(rows))
    conditions_bc = torch.from_numpy(dataset.columns(problem.conditions, rows))
    generator = torch.Generator().manual_seed(settings.evaluate.seed)
    return problem.observe(stamp_bhw, conditions_bc, generator, settings.simulate), conditions_bc


def make_golden(estimator: Estimator, image_bhw: Tensor, conditions_bc: Tensor) -> dict[str, Tensor]:
    """Inputs with the answers that this network gives here and now.

    Args:
        estimator: the network, in evaluation mode.
        image_bhw: images, shape (b, size, size).
        conditions_bc: the conditions of each, shape (b, c).

    Returns:
        `image`, `conditions`, and the expected `value` and `error`, both of shape (b, p), all float32.

    Raises:
        AssayError: when an answer is not finite.
    """
    image_bhw, conditions_bc = image_bhw.float().contiguous(), conditions_bc.float().contiguous()
    with torch.inference_mode():
        answer = estimator(image_bhw, conditions_bc)
    value_bp, error_bp = answer.value_bp, answer.error_bp
    if not bool(value_bp.isfinite().all() and error_bp.isfinite().all()):
        raise AssayError(
            "the model's answers to the golden inputs are not all finite: train it again, or choose others"
        )
    return {"image": image_bhw, "conditions": conditions_bc, "value": value_bp.clone(), "error": error_bp.clone()}


def request_items(
    images: np.ndarray[Any, Any], conditions: np.ndarray[Any, Any], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Images and conditions as the service takes them, one mapping an image."""
    return [
        {"image": image.tolist(), **dict(zip(names, map(float, row), strict=True))}
        for image, row in zip(images, conditions, strict=True)
    ]
