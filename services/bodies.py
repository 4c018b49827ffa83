"""Read the body of a request: JSON, .npy, FITS or safetensors, with what stands beside its images, by a model's fields.

    asked = read_body("application/x-npy", body, [("sigma", "200"), ("psf_fwhm", "0.5")], fields, limits)

| type | images | what stands beside them |
|---|---|---|
| `application/json` | `{"images": [{"image": [[…]], "sigma": 200.0}, …], "samples": 0}` | in each object |
| `application/x-npy` | one array, or a stack of them | the query |
| `application/fits`, `image/fits` | `fits_bodies.py` | headers, extensions, columns, the query |
| `application/x-safetensors` | the tensor `image`, or a stack | tensors by name, for all or for each; the query |

The query is `?sigma=200`, or `?sigma=200,210` with a value for each image, `samples=100`, and of a FITS file
`plane=SCI`. Nothing is unpickled, and an array is made only when as many bytes came as it says.
"""

import io
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic_core import from_json
from safetensors import SafetensorError
from safetensors.numpy import load

from services.answering import Asked
from services.fits_bodies import read_fits
from services.limits import Limits
from services.requests import BadRequestError, checked, indices, read_items, read_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.fields import Field

JSON, NPY, SAFETENSORS, FITS = (
    "application/json",
    "application/x-npy",
    "application/x-safetensors",
    "application/fits",
)
_IMAGE = "image"
_SAMPLES = "samples"
_PLANE = "plane"
_TEXTS = (_SAMPLES, _PLANE)
_MOST_AXES = 8
_HEADER_BYTES = 10_000
"""Of a .npy file: its header is an expression that Python reads."""


def read_body(
    kind: str, body: bytes, query: Sequence[tuple[str, str]], fields: "Sequence[Field]", limits: Limits
) -> Asked:
    """What a request asks.

    Args:
        kind: the type of the body, one of `READERS`.
        body: whole.
        query: names and values of the request's address.
        fields: what the model takes.
        limits: how many images a request may have.

    Raises:
        BadRequestError: when any of it is not what it must be; the line names it.
    """
    stated = _query(query, fields)
    asked_for, plane = stated.pop(_SAMPLES, None), stated.pop(_PLANE, "")
    if plane and READERS.get(kind) is not read_fits:
        raise BadRequestError(f"?{_PLANE}= is for FITS files")
    if kind == JSON:
        if stated or asked_for is not None:
            name = next(iter(stated), _SAMPLES)
            raise BadRequestError(f"?{name}= is for bodies of arrays: in JSON it stands in the body")
        return _read_json(body, fields, limits)
    read = partial(read_fits, plane=plane) if plane else READERS[kind]
    found = read(body, fields, limits.request_images)
    for name in stated:
        if name in found:
            raise BadRequestError(f"?{name}= is in the body, too: say it once")
    inputs = _completed({**found, **stated}, fields, limits.request_images)
    samples = _whole_number(asked_for) if asked_for is not None else 0
    return Asked(inputs=inputs, samples=read_samples(samples, len(inputs[_IMAGE])))


def _query(query: Sequence[tuple[str, str]], fields: "Sequence[Field]") -> dict[str, Any]:
    """Numbers by the name of their field, and the texts of what is no field."""
    numbers = [field.name for field in fields if not field.shape]
    found: dict[str, Any] = {}
    for name, text in query:
        if name not in (*numbers, *_TEXTS):
            raise BadRequestError(f"?{reprlib.repr(name)[1:-1]}= is unknown: must be {', '.join((*numbers, *_TEXTS))}")
        if name in found:
            raise BadRequestError(f"?{name}= is said twice: say it once, with a comma between the images' values")
        if name in _TEXTS:
            found[name] = text
            continue
        try:
            values = np.array([float(part) for part in text.split(",")])
        except ValueError as error:
            raise BadRequestError(f"?{name}={text[:40]}: must be a number, or one for each image") from error
        found[name] = values if len(values) > 1 else values[0]
    return found


def _whole_number(text: str) -> Any:
    return int(text) if text.isdecimal() and len(text) < 10 else text


def _read_json(body: bytes, fields: "Sequence[Field]", limits: Limits) -> Asked:
    """An object with images and samples, and nothing else: a key that means nothing was meant to do something."""
    try:
        found = from_json(body or b"{}")
    except ValueError as error:
        raise BadRequestError(f"the body is no JSON: {error}") from error
    named = f"must be an object with the keys images, {_SAMPLES}"
    if not isinstance(found, dict):
        raise BadRequestError(f"the body is {reprlib.repr(found)}: {named}")
    for key in found:
        if key not in ("images", _SAMPLES):
            raise BadRequestError(f"the body has an unknown key {reprlib.repr(key)}: {named}")
    inputs = read_items(found.get("images"), fields, most=limits.request_images)
    items = found["images"]
    times = {field.name: sum(field.name in item for item in items) for field in fields}
    _check_said_once(body, {**times, **dict.fromkeys(found, 1)})
    return Asked(inputs=inputs, samples=read_samples(found.get(_SAMPLES, 0), len(items)))


def _check_said_once(body: bytes, times: Mapping[str, int]) -> None:
    """A key that is there twice had its second value read; values are numbers, so that every text is a key."""
    if b"\\" in body:
        raise BadRequestError("the body has a \\ in it: no key needs one")
    for name, known in times.items():
        if body.count(f'"{name}"'.encode()) > known:
            raise BadRequestError(f"the body has an object with the key {name} twice: say it once")


def _read_npy(body: bytes, fields: "Sequence[Field]", most: int) -> dict[str, "NDArray[Any]"]:  # noqa: ARG001
    form = np.lib.format
    file = io.BytesIO(body)
    try:
        version = form.read_magic(file)
        read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}[version]
        shape, by_column, dtype = read(file, max_header_size=_HEADER_BYTES)
    except Exception as error:  # of a header that is none NumPy raises what Python's own reader does
        raise BadRequestError(f"the body is no .npy file: {_line(error)}") from error
    if dtype.hasobject or dtype.kind not in "iuf":
        raise BadRequestError(f"the body holds {dtype}: must be real numbers")
    data, promised = body[file.tell() :], f"an array of {'x'.join(map(str, shape))} {dtype}"
    if len(shape) > _MOST_AXES or not all(type(size) is int and 0 <= size < 2**31 for size in shape):
        raise BadRequestError(f"the body promises {promised}: must be an image, or a stack of them")
    if math.prod(shape) * dtype.itemsize != len(data):
        raise BadRequestError(f"the body promises {promised} and has {len(data)} bytes of it: send it whole")
    return {_IMAGE: np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if by_column else "C")}


def _read_safetensors(
    body: bytes,
    fields: "Sequence[Field]",
    most: int,  # noqa: ARG001
) -> dict[str, "NDArray[Any]"]:
    known = [field.name for field in fields]
    try:
        found = load(body)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # of a dtype that NumPy has not, KeyError
        raise BadRequestError(f"the body is no safetensors file of NumPy's numbers: {_line(error)}") from error
    for name in found:
        if name not in known:
            raise BadRequestError(f"the body has an unknown tensor {reprlib.repr(name)}: must be {', '.join(known)}")
    return dict(found)


READERS: Mapping[str, Callable[[bytes, "Sequence[Field]", int], Mapping[str, Any]]] = {
    NPY: _read_npy,
    SAFETENSORS: _read_safetensors,
    FITS: read_fits,
    "image/fits": read_fits,
}
"""The types of a body that are not JSON, each with what reads it."""


def _completed(found: Mapping[str, Any], fields: "Sequence[Field]", most: int) -> dict[str, "NDArray[Any]"]:
    """Every field for every image, checked; what is said once holds for all."""
    for one in fields:
        if one.name not in found and one.needed:
            how = "" if one.shape else f", say as ?{one.name}="
            raise BadRequestError(f"nothing says {one.name}: it must stand beside the images{how}")
    by_name = {one.name: one for one in fields}
    arrays = {name: np.asarray(array) for name, array in found.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise BadRequestError(f"{name} holds {array.dtype}: must be real numbers")
        if name == _IMAGE and array.dtype == np.uint8 and by_name[name].unit:
            unit = by_name[name].unit
            raise BadRequestError(f"{name} holds levels of 8 bits, as pictures for the eye have: give it in {unit}")
    images = 1
    for name, array in arrays.items():
        shape = by_name[name].shape
        stacked = array.ndim == len(shape) + 1
        if array.shape != shape and not (stacked and array.shape[1:] == shape):
            wanted = "x".join(map(str, shape)) or "one number"
            was = "x".join(map(str, array.shape)) or "of one number"
            raise BadRequestError(f"{name} has shape {was}: must be {wanted}, or one such for each image")
        if name == _IMAGE:
            images = len(array) if stacked else 1
    if not 1 <= images <= most:
        raise BadRequestError(f"the body has {images} images: must be 1 to {most}")
    return {one.name: _for_each(arrays[one.name], one, images) for one in fields if one.name in arrays}


def _for_each(array: "NDArray[Any]", field: "Field", images: int) -> "NDArray[Any]":
    """The values of one field, checked, for each image."""
    each = array if array.ndim > len(field.shape) else array[None]
    if len(each) not in (1, images):
        raise BadRequestError(f"{field.name} is said for {len(each)} images, and there are {images}")
    of_all = len(each) < images

    def where(place: tuple[int, ...]) -> str:
        of = "" if of_all else f"images[{place[0]}]."
        return f"{of}{field.name}{indices(place[1:])}"

    values = np.ascontiguousarray(checked(each, field, where))
    return np.repeat(values, images, axis=0) if of_all else values


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
