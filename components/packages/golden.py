"""What packages are proved and asked with: the first test images, as a model is shown them, and the whole answers.

golden = make_golden(estimator, sample(problem, dataset, settings, 8), region)      # the last one is to be doubted
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
from components.fields import Dataset, Problem, presented
from components.packages.same_answers import all_alike, allowed
from models.estimators import Estimator
from models.fields import Arrays, check_arrays

_FAINTER = 1e-5
"""Share of its light that an image is made fainter by: ten times what answers of two machines differ by, and more."""
_JUMP = 10.0
"""Of what a proof allows: an answer that moves by more did not follow the light, but fell over an edge."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Inputs with the answers that a model gave to them, by the name of each field."""

    inputs: Mapping[str, np.ndarray[Any, Any]]
    outputs: Mapping[str, np.ndarray[Any, Any]]
    doubts: list[list[str]]
    """Of each answer."""


def sample(problem: Problem, dataset: Dataset, settings: ProblemSettings, count: int) -> dict[str, Tensor]:
    """The first test images as a model is shown them, by the name of each field."""
    rows = dataset.rows("test")[:count]
    seed, device = [settings.evaluate.seed], torch.device("cpu")
    batches = [batch.inputs for batch in presented(problem, dataset, settings, rows, seed=seed, device=device)]
    return {name: torch.cat([inputs[name] for inputs in batches]) for name in batches[0]}


def make_golden(estimator: Estimator, inputs: Arrays, region: Mapping[str, Any]) -> Golden:
    """Inputs with the answers that this model gives here and now; the last one is made one to be doubted.

    Answers have edges: a chance from which a source is listed, a value from which an image is doubted. Where an answer
    stands on one, another machine's last bits decide it. Such inputs prove nothing and are left out.

    Args:
        estimator: the model, in evaluation mode.
        inputs: by field.
        region: where the model was found reliable.

    Raises:
        AssayError: when an answer is not finite (the field is named), when too few inputs are left, or when the last
            one is not doubted, so that nothing would prove the doubts.
    """
    try:
        check_arrays(inputs, estimator.inputs, "the golden inputs")
        pushed = estimator.doubtful(inputs, region)
        whole = {name: torch.cat([array, pushed[name]]) for name, array in inputs.items()}
        outputs, doubts = _answers(estimator, whole, region)
        check_arrays(outputs, estimator.outputs, "the model's answer")
    except ValueError as error:
        raise AssayError(str(error), "see the fields that the estimator declares") from error
    for name, array in outputs.items():
        if not bool(array.isfinite().all()):
            raise AssayError(
                f"the model's {name} of the golden inputs is not finite everywhere: train it again, or choose others"
            )
    steady_b, count = _steady(estimator, whole, region, outputs, doubts), len(next(iter(inputs.values())))
    last = next((index for index in reversed(range(count)) if steady_b[count + index]), None)
    kept = [index for index in range(count) if steady_b[index] and index != last]
    if last is None or not kept:
        raise AssayError(
            f"of {count} golden inputs, plain and made doubtful, {sum(steady_b)} have answers that last bits do not "
            "decide: set package.golden_inputs higher"
        )
    chosen = [*kept, count + last]
    if not doubts[chosen[-1]]:
        raise AssayError(f"the last golden input is not doubted in the tested range {region}: evaluate the model again")
    return Golden(
        inputs={name: array[chosen].numpy() for name, array in whole.items()},
        outputs={name: array[chosen].numpy() for name, array in outputs.items()},
        doubts=[doubts[index] for index in chosen],
    )


def _answers(estimator: Estimator, inputs: Arrays, region: Mapping[str, Any]) -> tuple[Arrays, list[list[str]]]:
    with torch.inference_mode():
        outputs = estimator(inputs)
    return outputs, estimator.doubts(inputs, outputs, region)


def _steady(
    estimator: Estimator, inputs: Arrays, region: Mapping[str, Any], outputs: Arrays, doubts: list[list[str]]
) -> list[bool]:
    """Of each input whether a proof would take the answer to a slightly fainter image for the same."""
    fainter = {
        of.name: inputs[of.name] * (1 - _FAINTER) if of.shape else inputs[of.name]
        for of in estimator.inputs
        if of.name in inputs
    }
    moved, others = _answers(estimator, fainter, region)
    recorded = {name: array.numpy() for name, array in outputs.items()}
    steady_b = np.array([all_alike(*lines) for lines in zip(others, doubts, strict=True)])
    for output in estimator.outputs:
        difference = np.abs(moved[output.name].double().numpy() - recorded[output.name].astype(np.float64))
        most = allowed(output, recorded) * (1 if output.dtype == "int64" else _JUMP)
        steady_b &= (difference <= most).reshape(len(doubts), -1).all(axis=1)
    return [bool(steady) for steady in steady_b]


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
