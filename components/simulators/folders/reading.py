"""What a model of pictures is given of a user's file: as pictures of a folder are read.

picture_chw = COLOUR.read_image(Path("galaxy.jpg"))
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from components.fields import Reading, StoredImage, as_picture
from components.simulators.folders.framing import bands_of, grey

__label__ = None


class PictureReading(Reading):
    """Levels as numbers from 0 to 1, bands first where there are three."""

    def __init__(self, bands: Literal[1, 3]) -> None:
        self.bands = bands

    def image_of(self, path: Path, stored: StoredImage) -> "np.ndarray[Any, Any]":
        """Shape (height, width), or (3, height, width)."""
        picture = as_picture(path, stored)
        return grey(picture) if self.bands == 1 else bands_of(picture)


GREY = PictureReading(bands=1)
COLOUR = PictureReading(bands=3)
