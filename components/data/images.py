"""Read one image of one channel from a user's file, in its own unit."""

from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError
from components.fields import read_values


def read_image(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The image in a file, float64, shape (height, width); of a PNG its grey levels.

    Raises:
        AssayError: when it cannot be read, or is not one image of one channel.
    """
    image = read_values(path).astype(np.float64)
    if image.ndim != 2:
        raise AssayError(f"{path}: has shape {image.shape}: must be one image of shape (height, width)")
    return image
