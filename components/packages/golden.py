"""What packages are proved and asked with: the first test images, as a camera would see them, and the whole answers.

golden = make_golden(estimator, sample(problem, dataset, settings, 8), region)
write_golden(golden, path)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from components.core import AssayError, ProblemSettings
from components.fields import Dataset, Problem
from models.estimators import Estimator
from models.fields import Arrays

_LOUDER = 3
"""The arrays of the last golden input are that many times themselves: their noise is not what is stated."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Inputs with the answers that a model gave to them, by the name of each field."""

    inputs: Mapping[str, np.ndarray[Any, Any]]
    outputs: Mapping[str, np.ndarray[Any, Any]]
    doubts: list[list[str]]
    """Of each answer."""


def sample(problem: Problem, dataset: Dataset, settings: ProblemSettings, count: int) -> dict[str, Tensor]:
    """Images under noise and their conditions, by the name of each field."""
    rows = dataset.rows("test")[:count]
    stamp_bhw = torch.from_numpy(dataset.stamps(rows))
    conditions_bc = torch.from_numpy(dataset.columns(problem.conditions, rows))
    generator = torch.Generator().manual_seed(settings.evaluate.seed)
    image_bhw = problem.observe(stamp_bhw, conditions_bc, generator, settings.simulate)
    return {"image": image_bhw, **dict(zip(problem.conditions, conditions_bc.unbind(1), strict=True))}


def with_one_to_be_doubted(inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:
    """The same, the last one outside of the trusted region: its arrays too loud, each condition beyond its range."""
    changed = {name: array.clone() for name, array in inputs.items()}
    for name, array in changed.items():
        limits = region["conditions"].get(name)
        if array.ndim > 1:
            array[-1] *= _LOUDER
        elif limits is not None:
            low, high = limits
            array[-1] = low / 2 if low > 0 else high + max(high - low, 1.0)
    return changed


def make_golden(estimator: Estimator, inputs: Arrays, region: Mapping[str, Any]) -> Golden:
    """Inputs with the answers that this model gives here and now.

    Args:
        estimator: the model, in evaluation mode.
        inputs: by field.
        region: where the model can be trusted.

    Raises:
        AssayError: when an answer is not finite (the field is named), or when the last one is not doubted, so that
            nothing would prove the doubts.
    """
    inputs = {name: array.float().contiguous() for name, array in inputs.items()}
    with torch.inference_mode():
        outputs = estimator.predict(inputs)
    for name, array in outputs.items():
        if not bool(array.isfinite().all()):
            raise AssayError(
                f"the model's {name} of the golden inputs is not finite everywhere: train it again, or choose others"
            )
    doubts = estimator.doubts(inputs, outputs, region)
    if (region["conditions"] or region["misfit"]) and not doubts[-1]:
        raise AssayError(
            f"the last golden input is not doubted in the trusted region {region}: evaluate the model again"
        )
    return Golden(
        inputs={name: array.numpy() for name, array in inputs.items()},
        outputs={name: array.numpy() for name, array in outputs.items()},
        doubts=doubts,
    )


def write_golden(golden: Golden, path: Path) -> None:
    """Write them as safetensors, the doubts in its metadata."""
    arrays = {
        f"{part}.{name}": torch.from_numpy(array).clone().contiguous()
        for part, arrays in (("input", golden.inputs), ("output", golden.outputs))
        for name, array in arrays.items()
    }
    save_file(arrays, path, metadata={"doubts": json.dumps(golden.doubts)})


def read_golden(path: Path) -> Golden:
    """Read them back."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        doubts = json.loads(file.metadata()["doubts"])
    parts = {
        part: {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}
        for part in ("input", "output")
    }
    return Golden(inputs=parts["input"], outputs=parts["output"], doubts=doubts)


def request_items(inputs: Mapping[str, np.ndarray[Any, Any] | Tensor]) -> list[dict[str, Any]]:
    """Inputs as the service takes them, one mapping an image."""
    columns = {name: array.tolist() for name, array in inputs.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
