"""What a server says of images: its answer as NumPy arrays, to the last bit.

said = read_prediction(body)           # of `POST /predict`, as safetensors
whole = joined([said, …])              # of several requests that one model answered
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from safetensors.numpy import load

__label__ = None

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a server says of images."""

    outputs: Mapping[str, Array]
    """By name, in the model's order, batch first; a whole number that stands for a label is one of `labels`."""
    ids: Sequence[str]
    """Which `assay trace` takes back to data and code."""
    doubts: Sequence[Sequence[str]]
    """Of each image, what in it departs from those that the model was measured on."""
    not_tested: Sequence[str]
    """What all answers take for granted."""
    estimated: Mapping[str, Array]
    """Inputs that nothing said and the model took from the images, by name, batch first."""
    units: Mapping[str, str]
    """Of outputs, and of what was estimated."""
    labels: Mapping[str, Sequence[str]]
    """Of the entries of an output, or of its whole numbers."""
    model: Mapping[str, Any]
    """`problem`, `version` and digests."""

    def __getitem__(self, name: str) -> Array:
        """One output, batch first."""
        return self.outputs[name]

    @property
    def trusted(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Whether nothing in an image speaks against its answer, shape (images,)."""
        return np.array([not lines for lines in self.doubts], dtype=bool)


def read_prediction(body: bytes) -> Prediction:
    """The answer in a reply.

    Raises:
        SafetensorError: when it is no file of tensors.
        ValueError, KeyError, TypeError: when it is none of an answer.
    """
    length = int.from_bytes(body[:8], "little")
    metadata = json.loads(body[8 : 8 + length])["__metadata__"]
    said = {name: json.loads(value) for name, value in metadata.items()}
    tensors, estimated = load(body), said.get("estimated", {})  # tensors come in any order
    names = [*said["units"], *sorted(name for name in tensors if name.startswith("samples."))]
    return Prediction(
        outputs={name: tensors[name] for name in names},
        ids=said["id"],
        doubts=said["doubts"],
        not_tested=said["not_tested"],
        estimated={name: tensors[f"estimated.{name}"] for name in estimated},
        units={**said["units"], **estimated},
        labels=said["labels"],
        model=said["model"],
    )


def joined(parts: Sequence[Prediction]) -> Prediction:
    """One answer of several, in their order; they are of one model and have the same fields."""
    first = parts[0]
    return Prediction(
        outputs={name: np.concatenate([part.outputs[name] for part in parts]) for name in first.outputs},
        estimated={name: np.concatenate([part.estimated[name] for part in parts]) for name in first.estimated},
        ids=list(chain.from_iterable(part.ids for part in parts)),
        doubts=list(chain.from_iterable(part.doubts for part in parts)),
        not_tested=first.not_tested,
        units=first.units,
        labels=first.labels,
        model=first.model,
    )
