"""What a user's file gives a model: the image, what its header and other planes say, and what of it is to be told.

read = read_file(Path("cutout.fits"), find_reading("galaxy-shape"), plane="SCI")
given = given_by(read, wanted, numbers, resample=False)      # given.inputs, given.told
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import AssayError

if TYPE_CHECKING:
    import numpy as np

    from components.fields import Reading, StoredImage

Wanted = Sequence[Mapping[str, Any]]
"""Inputs of a model, as its server describes them."""
_IMAGE = "image"
_ERROR, _QUALITY = "err", "dq"
"""Planes that archives lay beside an image: the error of each pixel, and flags, which are 0 where nothing is wrong."""


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """What is in a file."""

    path: Path
    image: "np.ndarray[Any, Any]"
    """As its problem wants it."""
    stored: "StoredImage"
    """As it lies there, with its header and what is beside it."""

    @property
    def bytes(self) -> int:
        """What its arrays take of memory."""
        planes = (self.image, self.stored.values, *self.stored.beside.values())
        return sum(plane.nbytes for plane in {id(plane): plane for plane in planes}.values())


@dataclass(frozen=True, kw_only=True)
class Told:
    """What whoever reads an answer is to know of its file."""

    unused: tuple[str, ...] = ()
    """Planes of which nothing was used."""
    used: tuple[str, ...] = ()
    """What was taken from planes that are no input."""
    unknown: tuple[str, ...] = ()
    """What the model takes for granted, since nobody says it."""
    doubts: tuple[str, ...] = ()
    """Why its answer is not to be trusted, whatever the model says."""
    axes: "np.ndarray[Any, Any] | None" = None
    """North and east (rows) of a step to the next column and to the next row (columns); None where nobody says."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a model is given of a file."""

    inputs: Mapping[str, Any]
    told: Told


def read_file(path: Path, reading: "Reading", *, plane: str = "") -> ReadFile:
    """Read a file.

    Args:
        path: of any kind that there is.
        reading: of its problem, says what of it is an image.
        plane: of a FITS file with several.

    Raises:
        AssayError: when it cannot be read, or holds no image of this problem's.
    """
    from components.fields import read_stored_image

    stored = read_stored_image(path, plane)
    return ReadFile(path=path, image=reading.image_of(path, stored), stored=stored)


def given_by(read: ReadFile, wanted: Wanted, known: Mapping[str, Any], *, resample: bool) -> Given:
    """The image with what a model takes beside it.

    Args:
        read: the file.
        wanted: what the model takes.
        known: what is said beside the image, by name, before what its header says.
        resample: whether an image on pixels of another size is brought to the model's.

    Raises:
        AssayError: when something is not said, has another shape, or is not what the model was trained on.
    """
    import numpy as np

    from components.packages import compare
    from models.fields import Field

    image = next(one for one in wanted if one["name"] == _IMAGE)
    field = Field(
        name=_IMAGE, shape=tuple(image["shape"]), unit=image["unit"], pixel_scale=image.get("pixel_scale")
    )  # a package of before has no scale
    said = compare(read.stored.header, read.image.shape, field)
    shaped = {one["name"] for one in wanted if one["shape"]}
    planes = {name.lower(): values for name, values in read.stored.beside.items()}
    inputs: dict[str, Any] = {name: planes.pop(name) for name in shaped & {*planes}}
    inputs |= read.stored.numbers([one["name"] for one in wanted if not one["shape"]])
    inputs |= {one["name"]: known[one["name"]] for one in wanted if one["name"] in known}
    inputs[_IMAGE] = read.image
    used: tuple[str, ...] = ()
    for name in (one["name"] for one in wanted if one.get("estimated", False) and one["name"] not in inputs):
        noise = _noise_of(planes.get(_ERROR), read.stored.values.shape)
        if noise is not None:
            inputs[name], used = noise, (f"{name} is the median of the plane {_ERROR.upper()}",)
            del planes[_ERROR]
    doubts = _flagged(planes, read.stored.values.shape)
    if said.fault:
        raise AssayError(f"{read.path}: {said.fault}")
    if said.scale_fault:
        if not resample:
            raise AssayError(f"{read.path}: {said.scale_fault}: resample it by --resample, which is always doubted")
        doubts += _resample(read.path, inputs, said.scale or 0.0, field, wanted)
    for one in wanted:
        name, shape = one["name"], tuple(one["shape"])
        if name not in inputs:
            if not (one["optional"] or one.get("estimated", False)):  # of packages of before, no word
                header = "" if shape else f", or {name.upper()} in the header of a FITS file"
                raise AssayError(f"{read.path}: nothing says its {name}: give --set {name}=…{header}")
        elif np.shape(inputs[name]) != shape:
            was, must = ("x".join(map(str, sizes)) or "one number" for sizes in (np.shape(inputs[name]), shape))
            raise AssayError(f"{read.path}: {name} has shape {was}: must be {must}")
    unused = tuple(name.upper() for name in planes)
    return Given(
        inputs=inputs, told=Told(unused=unused, used=used, unknown=said.unknown, doubts=doubts, axes=said.axes)
    )


def _noise_of(error: "np.ndarray[Any, Any] | None", shape: tuple[int, ...]) -> float | None:
    """The noise of an image's pixels by the plane of their errors; most of them are sky. None where it says none."""
    import numpy as np

    if error is None or error.shape != shape:
        return None
    error = error[np.isfinite(error) & (error > 0)]
    return float(np.median(error)) if 2 * error.size > math.prod(shape) else None


def _flagged(planes: "dict[str, np.ndarray[Any, Any]]", shape: tuple[int, ...]) -> tuple[str, ...]:
    """A doubt for pixels that the plane of flags says something of; a plane that was read is left out of the others."""
    flags = planes.get(_QUALITY)
    if flags is None or flags.shape != shape or flags.dtype.kind not in "iu":
        return ()
    del planes[_QUALITY]
    bad = int((flags != 0).sum())
    return (f"the plane {_QUALITY.upper()} flags {bad} of the image's {flags.size} pixels",) if bad else ()


def _resample(path: Path, inputs: dict[str, Any], scale: float, field: Any, wanted: Wanted) -> tuple[str, ...]:
    """Bring the image to the model's pixels, and its noise, which numbers in its unit say, along; then what is lost."""
    from components.fields import resampled

    try:
        inputs[_IMAGE], times = resampled(inputs[_IMAGE], scale, field.pixel_scale, field.shape[-2:])
    except AssayError as error:
        raise AssayError(f"{path}: {error}") from error
    scaled = [one["name"] for one in wanted if not one["shape"] and one["unit"] == field.unit and one["name"] in inputs]
    for name in scaled:
        inputs[name] = inputs[name] * times
    also = f", {' and '.join(scaled)} rescaled by {times:.3g}" if scaled else ""
    return (
        f"the image was resampled from {scale:.4g} to {field.pixel_scale:g} arcsec a pixel: its noise is correlated"
        f"{also}, its PSF is wider than stated",
    )


def lines(told: Mapping[Path, Told], wanted: Wanted) -> list[str]:
    """What is to be said of files: a line for all of which the same is to be said, however many they are."""
    takes = ", ".join(one["name"] for one in wanted)
    same: dict[str, list[Path]] = {}
    for path, one in told.items():
        if one.unused:
            same.setdefault(f"unused: {', '.join(one.unused)}: the model takes {takes}", []).append(path)
        for line in one.used:
            same.setdefault(line, []).append(path)
        if one.unknown:
            same.setdefault(f"nobody says {', '.join(one.unknown)}", []).append(path)
    return [
        f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {line}" for line, paths in same.items()
    ]
