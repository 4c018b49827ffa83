"""Read one image from a user's file: .npy, .fits or .png."""

from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError


def read_image(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The image in a file, float64, shape (height, width).

    A FITS file gives its first two-dimensional image; a PNG its grey levels.

    Raises:
        AssayError: when it cannot be read, or is not one image of one channel.
    """
    readers = {".npy": _read_npy, ".fits": _read_fits, ".png": _read_png}
    if path.suffix not in readers:
        raise AssayError(f"{path}: unknown kind of image {path.suffix!r}: must be one of {', '.join(readers)}")
    try:
        image = np.asarray(readers[path.suffix](path), dtype=np.float64)
    except FileNotFoundError as error:
        raise AssayError(f"{path}: there is no such file: check the path") from error
    except (OSError, ValueError, TypeError) as error:
        raise AssayError(f"{path}: cannot be read as an image ({error})") from error
    if image.ndim != 2:
        raise AssayError(f"{path}: has shape {image.shape}: must be one image of shape (height, width)")
    return image


def _read_npy(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def _read_fits(path: Path) -> Any:
    from astropy.io import fits

    with fits.open(path) as units:
        for unit in units:
            if unit.data is not None and unit.is_image and unit.data.ndim == 2:
                return unit.data.astype(np.float64)
    raise ValueError("no two-dimensional image in it")


def _read_png(path: Path) -> Any:
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("F"))
