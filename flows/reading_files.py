"""What a user's file gives a model: the image, what its header and other planes say, and what of them is left unused.

read = read_file(Path("cutout.fits"), find_problem("galaxy-shape"), plane="SCI")
inputs = inputs_of(read, wanted, {**read.numbers, **given})
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import AssayError

if TYPE_CHECKING:
    import numpy as np

    from components.fields import Problem

Wanted = Sequence[Mapping[str, Any]]
"""Inputs of a model, as its server describes them."""
_IMAGE = "image"


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """What is in a file."""

    path: Path
    image: "np.ndarray[Any, Any]"
    """As its problem wants it."""
    numbers: Mapping[str, float]
    """Of its header."""
    planes: "Mapping[str, np.ndarray[Any, Any]]"
    """Beside the image, by their names in small letters."""

    def unused(self, wanted: Wanted) -> tuple[str, ...]:
        """Its planes that no input is called after."""
        names = {field["name"] for field in wanted if field["shape"]}
        return tuple(name.upper() for name in self.planes if name not in names)


def read_file(path: Path, problem: "Problem", *, plane: str = "") -> ReadFile:
    """Read a file.

    Args:
        path: of any kind that there is.
        problem: says what of it is an image.
        plane: of a FITS file with several.

    Raises:
        AssayError: when it cannot be read, or holds no image of this problem's.
    """
    from components.fields import read_stored_image

    stored = read_stored_image(path, plane)
    return ReadFile(
        path=path,
        image=problem.image_of(path, stored),
        numbers=stored.numbers,
        planes={name.lower(): values for name, values in stored.beside.items()},
    )


def inputs_of(read: ReadFile, wanted: Wanted, known: Mapping[str, Any]) -> dict[str, Any]:
    """The image with what a model takes beside it.

    Args:
        read: the file.
        wanted: what the model takes.
        known: of all that is said beside the image, by name.

    Raises:
        AssayError: when something is not said, or has another shape.
    """
    import numpy as np

    shaped = {field["name"] for field in wanted if field["shape"]}
    planes = {name: values for name, values in read.planes.items() if name in shaped}
    by_name = {**planes, **known, _IMAGE: read.image}
    for field in wanted:
        name = field["name"]
        if name not in by_name and not field["optional"]:
            said = "" if field["shape"] else f", or {name.upper()} in the header of a FITS file"
            raise AssayError(f"{read.path}: nothing says its {name}: give --set {name}=…{said}")
        wanted_shape, shape = tuple(field["shape"]), np.shape(by_name.get(name, 0.0))
        if name in by_name and shape != wanted_shape:
            was, must = ("x".join(map(str, one)) or "one number" for one in (shape, wanted_shape))
            raise AssayError(f"{read.path}: {name} has shape {was}: must be {must}")
    return {field["name"]: by_name[field["name"]] for field in wanted if field["name"] in by_name}


def unused_line(unused: Iterable[tuple[Path, Sequence[str]]], wanted: Wanted) -> str | None:
    """One line for planes of files that no model was given; none where there are none."""
    found = [(path, names) for path, names in unused if names]
    if not found:
        return None
    planes = ", ".join(dict.fromkeys(name for _, names in found for name in names))
    more = f" and {len(found) - 1} more files" if len(found) > 1 else ""
    takes = ", ".join(field["name"] for field in wanted)
    return f"{found[0][0]}{more}: unused: {planes}: the model takes {takes}"
