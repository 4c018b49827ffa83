"""Read the image of a FITS file: one plane, by name where there are several, and what stands beside it.

found = read_fits_image(Path("cutout.fits"), plane="SCI")      # found.values, found.words, found.beside

Scaled, masked (BLANK), compressed and gzipped planes are read as what they stand for; axes of length 1 are left out.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.planes import called, image_plane

__label__ = "fits_images"

_COLOURS = 3
_PLANE = 2
_UNNAMED = ("primary", "compressed_image")


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """The image in a file, as it is stored there."""

    values: np.ndarray[Any, Any]
    """Shape (height, width), or (height, width, 3) when it is in colour; row 0 is the file's first."""
    header: Any = field(default_factory=dict)
    """The image's own, as astropy reads it; empty where its kind of file has none."""
    first_header: Any = field(default_factory=dict)
    """That of the file, which says what holds of all of its planes."""
    beside: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    """The file's other planes, by what they are asked for by."""
    levels: bool = False
    """Whether it has levels of 8 bits, as pictures for the eye have."""

    def numbers(self, names: Sequence[str]) -> dict[str, float]:
        """Those among some names that a header says, as keywords, in numbers."""
        said = {name: self.header.get(name.upper(), self.first_header.get(name.upper())) for name in names}
        return {
            name: float(value)
            for name, value in said.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }


def read_fits_image(path: Path, plane: str = "") -> StoredImage:
    """The image of a FITS file.

    Args:
        path: of the file, whatever it is called.
        plane: the name of its plane; by default `SCI`, or the only one that may be the image.

    Raises:
        PlaneError: when none of its planes is meant, or two could be.
        ValueError: when it has no image; astropy raises others at damaged files.
    """
    from astropy.io import fits

    # Headers that are a little wrong are warned of, and read; a file that ends too soon is not.
    with warnings.catch_warnings(action="ignore"):
        warnings.filterwarnings("error", message=".*truncated")
        return _read(fits.open(path, memmap=False), plane)


def _read(opened: Any, plane: str) -> StoredImage:
    with opened as units:
        planes = [unit for unit in units if getattr(unit, "is_image", False) and np.ndim(unit.data) >= _PLANE]
        if not planes:
            raise ValueError("no image in it")
        names = ["" if unit.name.lower() in _UNNAMED else unit.name for unit in planes]
        chosen = image_plane(names, plane)
        levels = planes[chosen].data.dtype == np.uint8
        values = _image(planes[chosen].data)
        beside = {
            name: unit.data
            for name, unit in zip(called(names), planes, strict=True)
            if unit is not planes[chosen] and unit.data.ndim == _PLANE
        }
        return StoredImage(
            values=values,
            header=planes[chosen].header,
            first_header=units[0].header,
            beside=beside,
            levels=levels,
        )


def _image(stored: Any) -> np.ndarray[Any, Any]:
    found = without_single_axes(np.asarray(stored)).astype(np.float64)
    return np.moveaxis(found, 0, 2) if found.ndim == _COLOURS and len(found) == _COLOURS else found


def without_single_axes(found: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An image whose further axes have length 1, as cubes of one have, without them."""
    while found.ndim > _PLANE and 1 in found.shape:
        found = found.squeeze(found.shape.index(1))
    return found
