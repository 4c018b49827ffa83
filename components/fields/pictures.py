"""Read a picture from a file of a user's: colour or one band, numbers or levels.

    picture = read_picture(Path("galaxy.png"))            # float32, (height, width) or (height, width, 3)
    stored = read_stored_image(Path("cutout.fits"))       # as it is stored, with header and other planes

What a file begins with says of which kind it is, not what it is called. Levels of 8 and 16 bits become numbers from 0
to 1 in a picture; numbers (FITS, .npy of floats, floating-point TIFF) stay what they are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError
from components.fields.fits_images import StoredImage, read_fits_image, without_single_axes
from models.planes import PlaneError

__label__ = "pictures"

_COLOURS = 3


class UnreadablePictureError(AssayError):
    """A file is no picture that can be read."""


def read_stored_image(path: Path, plane: str = "") -> StoredImage:
    """What is stored in a file, of whatever type; alpha is left out.

    Args:
        path: the file.
        plane: of a FITS file with several; by default `SCI`, or the only one that may be the image.

    Raises:
        UnreadablePictureError: when it cannot be read, or is no picture.
    """
    with _in_a_line(path):
        reader = _reader_of(path)
        if plane and reader is not read_fits_image:
            raise UnreadablePictureError(f"{path}: has no planes: --plane {plane} is for FITS files")
        found = reader(path, plane) if reader is read_fits_image else reader(path)
    shape = found.values.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[-1] == _COLOURS)) or 0 in shape:
        raise UnreadablePictureError(
            f"{path}: has shape {shape}: must be one picture of shape (height, width), or (height, width, 3)"
        )
    return found


def read_values(path: Path) -> np.ndarray[Any, Any]:
    """The values alone: shape (height, width), or (height, width, 3) when it is in colour.

    Raises:
        UnreadablePictureError: as `read_stored_image`.
    """
    return read_stored_image(path).values


def read_picture(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The picture in a file as numbers, shape (height, width), or (height, width, 3) when it is in colour.

    Raises:
        UnreadablePictureError: as `read_stored_image`, or when it has values that are not finite.
    """
    return as_picture(path, read_stored_image(path))


def as_picture(path: Path, stored: StoredImage) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The same of an image that was read.

    Raises:
        UnreadablePictureError: when it has values that are not finite.
    """
    picture = _as_numbers(stored.values)
    if not np.isfinite(picture).all():
        bad = int((~np.isfinite(picture)).sum())
        raise UnreadablePictureError(f"{path}: {bad} of its {picture.size} values are NaN or infinite: replace them")
    return picture


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


def _reader_of(path: Path) -> Callable[..., StoredImage]:
    """By the first bytes of a file; one that begins as nothing known does is tried as it is called."""
    known = next((end for end in SUFFIXES if path.name.lower().endswith(end)), None)
    if known is None and not path.suffix and not path.exists():  # a folder was meant
        raise UnreadablePictureError(f"{path}: there is no such file or folder: mend its path")
    with path.open("rb") as file:
        begin = file.read(_BEGIN)
    if not begin:
        raise ValueError("it is empty")
    for magic, reader in _BEGINNINGS:
        if begin.startswith(magic):
            return reader
    if known is None:
        said = ", ".join(SUFFIXES)
        raise UnreadablePictureError(f"{path}: unknown kind of picture {path.suffix!r}: must be one of {said}")
    raise ValueError("it begins like no FITS, .npy, PNG, TIFF or JPEG file")


@contextmanager
def _in_a_line(path: Path) -> Iterator[None]:
    """Name a file that cannot be read."""
    try:
        yield
    except UnreadablePictureError:
        raise
    except PlaneError as error:
        raise UnreadablePictureError(f"{path}: {error}: choose one by --plane NAME") from error
    except FileNotFoundError as error:
        raise UnreadablePictureError(f"{path}: there is no such file: check the path") from error
    except Exception as error:  # decoders raise whatever they like at damaged files
        what = " ".join(str(error).split())[:400] or type(error).__name__
        raise UnreadablePictureError(f"{path}: cannot be read as a picture ({what}): replace it") from error


def _as_numbers(found: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    if found.dtype == bool:
        return found.astype(np.float32)
    levels = np.iinfo(found.dtype).max if found.dtype.kind == "u" and found.dtype.itemsize <= 2 else 1
    return (found.astype(np.float64) / levels).astype(np.float32)


def _read_npy(path: Path) -> StoredImage:
    try:
        found = np.load(path, allow_pickle=False)
    except ValueError as error:
        what = "it holds objects, which are never unpickled" if "allow_pickle" in str(error) else str(error)
        raise ValueError(what) from error
    if found.dtype.kind not in "buif":
        raise ValueError(f"no array of numbers in it, but of {found.dtype}: they must be real")
    return StoredImage(values=without_single_axes(found), levels=found.dtype == np.uint8)


def _read_archive(_path: Path) -> StoredImage:
    raise ValueError("it is an archive, such as .npz: give each array a file of its own, by numpy.save")


def _read_pixels(path: Path) -> StoredImage:
    found = _decoded(path)
    return StoredImage(values=found, levels=found.dtype == np.uint8)


def _decoded(path: Path) -> np.ndarray[Any, Any]:
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


_BEGINNINGS: tuple[tuple[bytes, Callable[..., StoredImage]], ...] = (
    *((begin, read_fits_image) for begin in (b"SIMPLE", b"\x1f\x8b")),  # the other is gzip's
    (b"\x93NUMPY", _read_npy),
    *((begin, _read_pixels) for begin in (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")),
    (b"PK", _read_archive),
)
"""What files begin with, each with what reads it."""
_BEGIN = max(len(begin) for begin, _ in _BEGINNINGS)
SUFFIXES = (".fits.gz", ".fits.fz", ".fits", ".jpeg", ".tiff", ".fit", ".npy", ".png", ".jpg", ".tif", ".fz")
"""Ends of the names of files that are looked for in a folder, the longest first."""
