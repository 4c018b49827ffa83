"""Read the images of a FITS file by a model's fields: what people send as it comes from a telescope or a cutout server.

    arrays = read_fits(body, fields)       # {"image": (b, 64, 64), "sigma": (b,), …}, what the file says of them

* An image extension that is called after a field is that field; `SCI`, or without one the primary one and those without
  a name, are the `image`, several of them a stack in their order; `?plane=NAME` chooses another. What archives lay
  beside images, such as error and quality planes, is left out.
* A header that says another scale, or another unit, than the model was trained on is refused (`headers.py`).
* A header says a number by the field's name as its keyword; the primary header says it for all.
* Of a table, columns that are called after fields are read, a row for each image; the others are left out.

Headers are believed only as far as bytes came for what they promise.
"""

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.planes import BESIDE, SCIENCE
from services.headers import compare
from services.requests import BadRequestError

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from numpy.typing import NDArray

    from models.fields import Field

_IMAGE = "image"
_OF_IMAGE = ("", "primary", "compressed_image", SCIENCE, "image")
"""Names of extensions that hold the image, in small letters; the last stands for a field of its own name, too."""
_GZIP, _BEGIN = b"\x1f\x8b", b"SIMPLE"
_WIDEST = 8
"""Bytes of a number, at most."""


def read_fits(body: bytes, fields: "Sequence[Field]", most: int, plane: str = "") -> "Mapping[str, NDArray[Any]]":
    """The arrays of a FITS file by the name of their field, as far as it says them.

    Args:
        body: the file.
        fields: what the model takes.
        most: images in one request.
        plane: which extension is the image, where it is not called so.

    Raises:
        BadRequestError: when it is no FITS file, is not whole, or has planes that no field is called after.
    """
    from astropy.io import fits

    if body.startswith(_GZIP):
        raise BadRequestError("the body is packed by gzip: send the FITS file as it is, or compress its images")
    if not body.startswith(_BEGIN):
        raise BadRequestError("the body is no FITS file that can be read: it does not begin with SIMPLE")
    try:
        # Headers that are a little wrong are warned of; what matters of them is checked here.
        with warnings.catch_warnings(action="ignore"), fits.open(io.BytesIO(body), memmap=False) as hdus:
            return _arrays(hdus, fields, len(body), most, plane.lower())
    except BadRequestError:
        raise
    except Exception as error:  # astropy raises anything for a file that is none
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadRequestError(f"the body is no FITS file that can be read: {what}") from error


def _arrays(hdus: "HDUList", fields: "Sequence[Field]", size: int, most: int, plane: str) -> "dict[str, NDArray[Any]]":
    from astropy.io.fits import BinTableHDU, CompImageHDU

    named = {field.name.lower(): field for field in fields}
    numbers = [field for field in fields if not field.shape]
    packed_left = most * _WIDEST * math.prod(named[_IMAGE].shape)
    meant = _meant(hdus, plane)
    images: list[NDArray[Any]] = []
    said: list[Mapping[str, float]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for hdu in hdus:
        if not int(hdu.size):
            continue
        name, packed = hdu.name.lower(), isinstance(hdu, CompImageHDU)
        if not packed and int(hdu.size) > size:
            raise BadRequestError(f"the body promises {hdu.size} bytes of {_called(hdu)} and has {size}: send it whole")
        if isinstance(hdu, BinTableHDU):
            for column in hdu.columns:
                if column.name.lower() in named:
                    arrays[named[column.name.lower()].name] = _column(hdu, column)
            continue
        packed_left -= int(hdu.size) if packed else 0
        if packed_left < 0:
            raise BadRequestError(f"{_called(hdu)} is {'x'.join(map(str, hdu.shape))}: too much for one request")
        if name in meant:
            stack = _stack(hdu.data, len(named[_IMAGE].shape))
            _check_header(hdu, stack.shape[1:], named[_IMAGE])
            images.append(stack)
            said += [_said(hdu.header, hdus[0].header, numbers)] * len(stack)
        elif name in named:
            arrays[named[name].name] = hdu.data
        elif name not in BESIDE and not plane:
            known = ", ".join(field.name.upper() for field in fields if field.shape)
            raise BadRequestError(
                f"{_called(hdu)} is none of the model's planes: must be SCI, {known}, or say which by ?plane="
            )
    if images:
        if _IMAGE in arrays:
            raise BadRequestError("the body has images in a table and in planes: send one of them")
        if len({stack.shape[1:] for stack in images}) > 1:
            shapes = ", ".join("x".join(map(str, stack.shape[1:])) for stack in images)
            raise BadRequestError(f"the body has images of the shapes {shapes}: must be of one")
        arrays[_IMAGE] = np.concatenate(images)
    return arrays | _each(arrays, numbers, said)


def _meant(hdus: "HDUList", plane: str) -> tuple[str, ...]:
    """The names, in small letters, of the extensions that hold the image.

    Raises:
        BadRequestError: when two kinds could be meant, or none is called as was asked.
    """
    from astropy.io.fits import BinTableHDU, CompImageHDU

    names = [
        hdu.name.lower()
        for hdu in hdus
        if int(hdu.size) and (isinstance(hdu, CompImageHDU) or not isinstance(hdu, BinTableHDU))
    ]
    listed = ", ".join(name.upper() or "one without a name" for name in names)
    if plane:
        if plane not in names:
            raise BadRequestError(f"?plane={plane[:40]} is not in the body: its planes are {listed}")
        return (plane,)
    if SCIENCE in names and any(name in _OF_IMAGE and name != SCIENCE for name in names):
        raise BadRequestError(f"several planes could be the image, of {listed}: say which by ?plane=")
    return _OF_IMAGE


def _check_header(hdu: Any, shape: tuple[int, ...], wanted: "Field") -> None:
    """Refuse pixels of another size or unit than the model was trained on."""
    if len(shape) < len(wanted.shape):
        return
    said = compare(hdu.header, shape, wanted)
    if said.scale_fault:
        raise BadRequestError(f"{_called(hdu)} {said.scale_fault}: resample it (assay predict --resample)")
    if said.fault:
        raise BadRequestError(f"{_called(hdu)} {said.fault}")


def _stack(data: "NDArray[Any]", axes: int) -> "NDArray[Any]":
    """Images batch first, without further axes of length 1."""
    while data.ndim > axes + 1 and data.shape[0] == 1:
        data = data[0]
    return data if data.ndim > axes else data[None]


def _column(hdu: Any, column: Any) -> "NDArray[Any]":
    """A column of a table; not one of a length for each row, whose rows may all point at the same bytes."""
    if any(letter in column.format for letter in "PQ"):
        raise BadRequestError(f"the column {column.name} has arrays of a length for each row: send one length for all")
    values: NDArray[Any] = hdu.data[column.name]
    return values


def _each(
    arrays: "Mapping[str, NDArray[Any]]", numbers: "Sequence[Field]", said: Sequence[Mapping[str, float]]
) -> "dict[str, NDArray[Any]]":
    """The numbers that headers say, one for each image."""
    found = {}
    for field in numbers:
        values = [one[field.name] for one in said if field.name in one]
        if not values:
            continue
        if field.name in arrays:
            raise BadRequestError(f"{field.name} is in a table and in a header: say it once")
        if len(values) < len(said):
            raise BadRequestError(f"{field.name} is in {len(values)} headers of {len(said)} images: say it in each")
        found[field.name] = np.array(values)
    return found


def _said(header: Any, primary: Any, numbers: "Sequence[Field]") -> dict[str, float]:
    """What a header says of its image, or the primary one of all."""
    found = {}
    for field in numbers:
        key = field.name.upper()
        value = header.get(key, primary.get(key))
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRequestError(f"{key} of the header is {value!r}: must be a number")
        found[field.name] = float(value)
    return found


def _called(hdu: Any) -> str:
    return f"extension {hdu.name}" if hdu.name else "an extension without a name"
