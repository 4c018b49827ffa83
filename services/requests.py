"""Read a request in JSON by the fields of a model: nothing is reshaped, rounded off or guessed.

arrays = read_items(items, fields, most=256)     # {"image": float32 (b, 64, 64), "sigma": float32 (b,), …}

The other types of a body stand in `bodies.py`; the checks of values are the same.
"""

import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import ConfigDict, FailFast, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.fields import Field

# Strict, because `"1"` and `true` in an image are mistakes, and quick: one check of 64 × 64 pixels costs 0.1 ms.
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_FLOAT32_MIN = float(np.finfo(np.float32).tiny)


MOST_SAMPLES = 4096
"""Of one image."""
_MOST_SAMPLES_IN_ALL = 16_384
"""Of a request: a second's work."""


class BadRequestError(ValueError):
    """The request cannot be answered; the message names the item, its value and what is right."""


def read_items(items: Any, fields: "Sequence[Field]", *, most: int) -> "dict[str, NDArray[Any]]":
    """The arrays of a request by the name of their field, batch first.

    Args:
        items: the list under `images`, as it came.
        fields: what each of them must have, or may where it is not needed, and nothing else.
        most: images in one request.

    Raises:
        BadRequestError: when any of it is not what it must be.
    """
    named = ", ".join(field.name for field in fields if field.needed)
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        shown = f"a list of {len(items)}" if isinstance(items, list) else reprlib.repr(items) if items else "missing"
        raise BadRequestError(f"images is {shown}: must be a list of 1 to {most} objects with the keys {named}")
    arrays = {field.name: np.zeros((len(items), *field.shape), dtype=field.dtype) for field in fields}
    stated, missing = {field.name for field in fields if field.needed}, dict[str, int]()
    for index, item in enumerate(items):
        where = f"images[{index}]"
        _check_keys(item, fields, where)
        for field in fields:
            if field.name in item:
                arrays[field.name][index] = _read(item[field.name], f"{where}.{field.name}", field)
                stated.add(field.name)
            else:
                missing[field.name] = index
    for field in fields:
        if field.estimated and field.name in stated and field.name in missing:
            where = f"images[{missing[field.name]}]"
            raise BadRequestError(f"{where} has no {field.name}, and others have: state it of all, or of none")
    return {name: array for name, array in arrays.items() if name in stated}


def read_samples(samples: Any, images: int) -> int:
    """How many samples of each image are asked for.

    Raises:
        BadRequestError: when that is no number, or too many.
    """
    most = min(MOST_SAMPLES, _MOST_SAMPLES_IN_ALL // images)
    if isinstance(samples, bool) or not isinstance(samples, int) or not 0 <= samples <= most:
        raise BadRequestError(f"samples is {reprlib.repr(samples)}: must be a whole number from 0 to {most}")
    return samples


def _check_keys(item: Any, fields: "Sequence[Field]", where: str) -> None:
    keys, needed = [field.name for field in fields], [field.name for field in fields if field.needed]
    named = ", ".join(needed)
    if not isinstance(item, Mapping):
        raise BadRequestError(f"{where} is {reprlib.repr(item)}: must be an object with the keys {named}")
    for key in needed:
        if key not in item:
            raise BadRequestError(f"{where} has no {key}: it must have the keys {named}")
    for key in item:
        if key not in keys:
            raise BadRequestError(f"{where} has an unknown key {reprlib.repr(key)}: its keys are {', '.join(keys)}")


def _read(value: Any, where: str, field: "Field") -> "NDArray[Any]":
    # The shape comes first: it is the likelier mistake, and says more than a wrong number does.
    _check_shape(value, where, field.shape)
    try:
        array = np.array(_numbers(len(field.shape)).validate_python(value), dtype=np.float64)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        place = "".join(f"[{index}]" for index in wrong["loc"])
        said = f"a finite number{between(field)}"
        raise BadRequestError(f"{where}{place} is {reprlib.repr(wrong['input'])}: must be {said}") from error
    return checked(array, field, lambda place: where + indices(place))


def checked(array: "NDArray[Any]", field: "Field", where: Callable[[tuple[int, ...]], str]) -> "NDArray[Any]":
    """Numbers as the model is given them, when they are what its field may hold.

    Args:
        array: numbers, in the field's shape, or several of them.
        field: what they are of.
        where: what a place in the array is called.

    Raises:
        BadRequestError: naming the first that is not.
    """
    if field.dtype == "int64":
        return _whole(array, field, where)
    low, high = field.limits
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    single[np.abs(single) < _FLOAT32_MIN] = 0  # which counts as 0 for some processors
    wrong = ~np.isfinite(single)
    if low is not None:
        wrong |= single <= low
    if high is not None:
        wrong |= single >= high
    if field.optional:
        wrong &= single != 0  # which says as much as leaving it out
    if wrong.any():
        first = _first(wrong)
        found = float(array[first])
        limits = " a finite number" + between(field) if not np.isfinite(found) else between(field)
        limits = f" within ±{_FLOAT32_MAX:.1e}" if _FLOAT32_MAX < abs(found) < np.inf else limits
        raise BadRequestError(f"{where(first)} is {found:g}: must be{limits}")
    return single


def _whole(array: "NDArray[Any]", field: "Field", where: Callable[[tuple[int, ...]], str]) -> "NDArray[np.int64]":
    """Whole numbers, within the labels where there are some."""
    high = len(field.labels) if field.labels else 2**53
    wrong = (array != np.rint(array)) | (array < (0 if field.labels else -high)) | (array >= high)
    if wrong.any():
        first = _first(wrong)
        said = f"a whole number from 0 to {high - 1}: {', '.join(field.labels)}" if field.labels else "a whole number"
        raise BadRequestError(f"{where(first)} is {float(array[first]):g}: must be {said}")
    return array.astype(np.int64)


def _first(wrong: "NDArray[np.bool_]") -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(wrong)[0])


def indices(place: Sequence[int]) -> str:
    """A place in an array as Python writes it: `[3][4]`."""
    return "".join(f"[{index}]" for index in place)


def _check_shape(value: Any, where: str, shape: tuple[int, ...]) -> None:
    level, sizes = [value], []
    for depth in range(len(shape)):
        if not all(isinstance(part, list) for part in level):
            wanted = " of ".join([f"{size} lists" for size in shape[:-1]] + [f"{shape[-1]} numbers"])
            raise BadRequestError(f"{where} is {reprlib.repr(value)}: must be {wanted}")
        sizes.append(sorted({len(part) for part in level}))
        if depth + 1 < len(shape):
            level = [entry for part in level for entry in part]
    if sizes != [[size] for size in shape]:
        shown = (str(found[0]) if len(found) == 1 else f"({' or '.join(map(str, found[:4]))})" for found in sizes)
        found = "x".join(text if text != "()" else "0" for text in shown)
        raise BadRequestError(f"{where} has shape {found}: must be {'x'.join(map(str, shape))}")


def _numbers(depth: int) -> TypeAdapter[Any]:
    """What checks nested lists of numbers."""
    if depth not in _ADAPTERS:
        kind: Any = float
        for _ in range(depth):
            kind = Annotated[list[kind], FailFast()]
        _ADAPTERS[depth] = TypeAdapter(kind, config=_STRICT)
    return _ADAPTERS[depth]


_ADAPTERS: dict[int, TypeAdapter[Any]] = {}


def between(field: "Field") -> str:
    """What a field's values must lie between, in words after a space; nothing where anything goes."""
    low, high = field.limits
    parts = [f"above {low:g}"] if low is not None else []
    parts += [f"below {high:g}"] if high is not None else []
    return f" {' and '.join(parts)}" if parts else ""


def left_out(field: "Field") -> str:
    """What becomes of a field that is left out, in words after others; nothing where it must not be."""
    if field.estimated:
        return ", may be left out and is estimated from the image then"
    return ", may be left out" if field.optional else ""
