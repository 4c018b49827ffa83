"""What is recorded of an answer, for checks of drift: a row for each image, and no pixel of it.

    outputs = recorded_outputs(outputs)                     # all but maps
    one = answered(asked.inputs, answers, ids, outputs)     # of one request: nothing larger than its images is kept
    batch = rows([one, …], model, inputs, outputs)          # an Arrow RecordBatch, whose schema follows from the fields

| column | what it is |
|---|---|
| `id`, `time` | of the prediction |
| `version`, `package` | of the model that answered |
| `in_tested_range`, `doubts` | as they were answered |
| an input or output by its name | a number; a word where it stands for one; a list, row by row, where it is short |
| `estimated_<input>` | what was taken from the image, since nothing stated it |
| `<input>_border_median`, `<input>_border_deviation` | of an image's outermost pixels; lists where it has bands |
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from services.answering import Answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.fields import Field

_SHORT = 64
"""Entries: vectors, and the correlations of eight values; what has more is a map."""
_FRAME = 3
"""Pixels, on each side, that are an image's border."""
_NORMAL = 1.4826
"""The standard deviation of normal values over the median of their distances from the median."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The images of one request, and what is recorded of their answers."""

    at_us: int
    """Microseconds since 1970."""
    ids: Sequence[str]
    inputs: "Mapping[str, NDArray[Any]]"
    outputs: "Mapping[str, NDArray[Any]]"
    doubts: Sequence[Sequence[str]]
    estimated: "Mapping[str, NDArray[Any]]" = field(default_factory=dict)
    """Inputs that nobody stated."""

    @property
    def nbytes(self) -> int:
        """Of the memory that it holds, nearly."""
        return sum(array.nbytes for array in self.inputs.values())


def recorded_outputs(outputs: "Sequence[Field]") -> "list[Field]":
    """Those of a model's outputs that are recorded."""
    return list(filter(_is_short, outputs))


def answered(
    inputs: "Mapping[str, NDArray[Any]]", answers: Answers, ids: Sequence[str], outputs: "Sequence[Field]"
) -> Answered:
    """What is recorded of one request, now; of its outputs, those that are named."""
    return Answered(
        at_us=time.time_ns() // 1000,
        ids=ids,
        inputs=inputs,
        outputs={one.name: answers.outputs[one.name] for one in outputs},
        estimated=answers.estimated,
        doubts=answers.doubts,
    )


def rows(
    requests: Sequence[Answered], model: Mapping[str, Any], inputs: "Sequence[Field]", outputs: "Sequence[Field]"
) -> Any:
    """The rows of some requests.

    Args:
        requests: one at least.
        model: which one answered.
        inputs: what it is given; one that a request left out is null.
        outputs: what is recorded of what it says.
    """
    import pyarrow as pa

    counts = [len(one.ids) for one in requests]
    images = sum(counts)
    doubts = [list(lines) for one in requests for lines in one.doubts]
    columns = {
        "id": pa.array([name for one in requests for name in one.ids], pa.string()),
        "time": pa.array(np.repeat([one.at_us for one in requests], counts), pa.timestamp("us", tz="UTC")),
        "version": pa.array([model["version"]] * images, pa.int64()),
        "package": pa.array([model.get("package", "")] * images, pa.string()),
        "in_tested_range": pa.array([not lines for lines in doubts], pa.bool_()),
        "doubts": pa.array(doubts, pa.list_(pa.string())),
    }
    for of in inputs:
        given = [one.inputs.get(of.name) for one in requests]
        missing = np.repeat([array is None for array in given], counts)
        if _is_short(of):
            columns[of.name] = _column(_whole(given, counts, of.shape, of.dtype), missing, of)
            if of.estimated:
                found = [one.estimated.get(of.name) for one in requests]
                unsaid = np.repeat([array is None for array in found], counts)
                columns[f"estimated_{of.name}"] = _column(_whole(found, counts, of.shape, of.dtype), unsaid, of)
        elif len(of.shape) > 1:
            frame = _frame(of.shape)
            pixels = [None if array is None else array[..., frame] for array in given]
            whole = _whole(pixels, counts, (*of.shape[:-2], int(frame.sum())), "float32")
            for name, values in zip(("median", "deviation"), spread(whole), strict=True):
                columns[f"{of.name}_border_{name}"] = _column(values, missing)
    for of in outputs:
        said = np.concatenate([one.outputs[of.name] for one in requests])
        columns[of.name] = _column(said, np.zeros(images, bool), of)
    return pa.RecordBatch.from_pydict(columns)


def spread(pixels: "NDArray[Any]") -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
    """Median and robust standard deviation along the last axis."""
    median = _median(pixels)
    return median, np.float32(_NORMAL) * _median(np.abs(pixels - median[..., None]))


def _median(values: "NDArray[Any]") -> "NDArray[np.float32]":
    """Along the last axis; `np.median` takes more than twice as long."""
    ordered, count = np.sort(values, axis=-1), values.shape[-1]
    middle = 0.5 * ordered[..., (count - 1) // 2] + 0.5 * ordered[..., count // 2]
    return np.asarray(middle, dtype=np.float32)


def _is_short(of: "Field") -> bool:
    return math.prod(of.shape) <= _SHORT


def _frame(shape: tuple[int, ...]) -> "NDArray[np.bool_]":
    """Which pixels of an image are its border."""
    frame = np.ones(shape[-2:], dtype=bool)
    frame[_FRAME:-_FRAME, _FRAME:-_FRAME] = False
    return frame


def _whole(
    arrays: "Sequence[NDArray[Any] | None]", counts: Sequence[int], shape: tuple[int, ...], dtype: str
) -> "NDArray[Any]":
    """The values of all requests, zeros where one has none."""
    parts = zip(arrays, counts, strict=True)
    return np.concatenate([np.zeros((count, *shape)) if one is None else one for one, count in parts]).astype(dtype)


def _column(values: "NDArray[Any]", missing: "NDArray[np.bool_]", of: "Field | None" = None) -> Any:
    """Values, batch first, as an Arrow array: lists where there are several of an image."""
    import pyarrow as pa

    from models.fields import in_words

    if values.ndim > 1:
        ends = np.arange(len(values) + 1, dtype=np.int32) * math.prod(values.shape[1:])
        return pa.ListArray.from_arrays(pa.array(ends), pa.array(values.reshape(-1)), mask=pa.array(missing))
    if of is not None and of.dtype == "int64" and of.labels:
        return pa.array(in_words(of, values.tolist()), pa.string(), mask=missing)
    return pa.array(values, mask=missing)
