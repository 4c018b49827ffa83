"""Read a picture from a file of a user's: colour or one band, numbers or levels.

    picture = read_picture(Path("galaxy.png"))            # float32, (height, width) or (height, width, 3)

Levels of 8 and 16 bits become numbers from 0 to 1; numbers (FITS, .npy of floats, floating-point TIFF) stay what they
are.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError

__label__ = "pictures"

_COLOURS = 3


class UnreadablePictureError(AssayError):
    """A file is no picture that can be read."""


def read_values(path: Path) -> np.ndarray[Any, Any]:
    """What is stored in a file, of whatever type: shape (height, width), or (height, width, 3) when it is in colour.

    Alpha is left out. A FITS file gives its first image of two dimensions, or of three with three bands.

    Raises:
        UnreadablePictureError: when it cannot be read, or is no picture.
    """
    reader = _reader_of(path)
    if reader is None:
        if not path.suffix and not path.exists():  # a folder was meant
            raise UnreadablePictureError(f"{path}: there is no such file or folder: mend its path")
        known = ", ".join(SUFFIXES)
        raise UnreadablePictureError(f"{path}: unknown kind of picture {path.suffix!r}: must be one of {known}")
    with _in_a_line(path):
        found = np.asarray(reader(path))
    if not (found.ndim == 2 or (found.ndim == 3 and found.shape[-1] == _COLOURS)) or 0 in found.shape:
        raise UnreadablePictureError(
            f"{path}: has shape {found.shape}: must be one picture of shape (height, width), or (height, width, 3)"
        )
    return found


def read_picture(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The picture in a file as numbers, shape (height, width), or (height, width, 3) when it is in colour.

    Raises:
        UnreadablePictureError: as `read_values`, or when it has values that are not finite.
    """
    picture = _as_numbers(read_values(path))
    if not np.isfinite(picture).all():
        bad = int((~np.isfinite(picture)).sum())
        raise UnreadablePictureError(f"{path}: {bad} of its {picture.size} values are NaN or infinite: replace them")
    return picture


def read_header(path: Path) -> dict[str, float]:
    """The numbers among the keywords of a FITS image, names in lower case; of other kinds, and of no file, none.

    They are those of the image that `read_values` gives, and of the file's first header.

    Raises:
        UnreadablePictureError: when it cannot be read.
    """
    if _reader_of(path) is not _read_fits:
        return {}
    with _in_a_line(path):
        _, words = _fits_image(path)
    return {
        name.lower(): float(value)
        for name, value in words.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def stem_of(path: Path) -> str:
    """A file's name without the ending that says which kind of picture it is."""
    end = next((end for end in SUFFIXES if path.name.lower().endswith(end)), path.suffix)
    return path.name[: len(path.name) - len(end)]


def write_picture(path: Path, picture_chw: np.ndarray[Any, Any]) -> None:
    """Keep a picture in colour as PNG of 8 bits.

    Args:
        path: the file.
        picture_chw: values from 0 to 1, shape (3, height, width).
    """
    from PIL import Image

    levels = np.rint(255 * np.moveaxis(picture_chw, 0, 2)).astype(np.uint8)
    Image.fromarray(levels).save(path)


def _reader_of(path: Path) -> "Callable[[Path], Any] | None":
    return next((of for end, of in _READERS.items() if path.name.lower().endswith(end)), None)


@contextmanager
def _in_a_line(path: Path) -> Iterator[None]:
    """Name a file that cannot be read."""
    try:
        yield
    except FileNotFoundError as error:
        raise UnreadablePictureError(f"{path}: there is no such file: check the path") from error
    except Exception as error:  # decoders raise whatever they like at damaged files
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadablePictureError(f"{path}: cannot be read as a picture ({what}): replace it") from error


def _as_numbers(found: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    if found.dtype == bool:
        return found.astype(np.float32)
    levels = np.iinfo(found.dtype).max if found.dtype.kind == "u" and found.dtype.itemsize <= 2 else 1
    return (found.astype(np.float64) / levels).astype(np.float32)


def _read_npy(path: Path) -> Any:
    found = np.load(path, allow_pickle=False)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "buif":
        raise ValueError("no array of numbers in it")
    return found


def _read_fits(path: Path) -> Any:
    return _fits_image(path)[0]


def _fits_image(path: Path) -> tuple[Any, dict[str, Any]]:
    """The first image, and what the file's first header and its own say."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as units:
        for unit in units:
            found = np.asarray(unit.data) if getattr(unit, "is_image", False) and unit.data is not None else np.empty(0)
            words = {**units[0].header, **unit.header}
            if found.ndim == 2:
                return found.astype(np.float64), words
            if found.ndim == 3 and len(found) == _COLOURS:
                return np.moveaxis(found.astype(np.float64), 0, 2), words
    raise ValueError("no image of one band or of three in it")


def _read_pixels(path: Path) -> Any:
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.mode in ("L", "F", "I;16", "I;16L", "I;16B"):
            return np.asarray(picture)
        if picture.mode == "1":
            return np.asarray(picture.convert("L"))
        if picture.mode == "I":  # 16-bit PNGs of older writers
            return np.asarray(picture).clip(0, 65_535).astype(np.uint16)
        if picture.mode == "LA":
            return np.asarray(picture.convert("L"))
        return np.asarray(picture.convert("RGB"))


_READERS: Mapping[str, Callable[[Path], Any]] = {
    **dict.fromkeys((".fits", ".fit", ".fits.gz", ".fits.fz", ".fz"), _read_fits),
    ".npy": _read_npy,
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff"), _read_pixels),
}
SUFFIXES = tuple(sorted(_READERS, key=len, reverse=True))
"""Ends of the names of files that can be read, the longest first."""
