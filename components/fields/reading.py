"""What a problem makes of a user's file, and of an answer on the sky.

Apart from the problem, whose import brings torch, since a command that asks a server computes nothing:

    reading = find_reading("galaxy-shape")              # components/problems; `problem.reading` is the same
    image = reading.read_image(Path("cutout.fits"), plane="SCI")
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError
from components.fields.fits_images import StoredImage
from components.fields.pictures import read_stored_image
from components.fields.sky import SkyValue

__label__ = None


class Reading:
    """One band in its own unit, and no directions among the answers; a problem of which more holds has a subclass."""

    frame: str = ""
    """How directions and places among the answers lie in the array; empty where there are none."""

    def read_image(self, path: Path, plane: str = "") -> "np.ndarray[Any, Any]":
        """What a model is given as `image` of a user's file.

        Args:
            path: of any kind that `pictures.py` reads.
            plane: of a FITS file with several.

        Raises:
            AssayError: when it cannot be read, or `image_of` refuses what is in it.
        """
        return self.image_of(path, read_stored_image(path, plane))

    def image_of(self, path: Path, stored: StoredImage) -> "np.ndarray[Any, Any]":
        """What a model is given as `image` of what is in a file.

        Args:
            path: the file, to be named.
            stored: what is in it.

        Raises:
            AssayError: when it has other bands, levels of 8 bits, as pictures for the eye have, or pixels of no number.
        """
        values = stored.values
        if values.ndim != 2:
            raise AssayError(
                f"{path}: has shape {values.shape}, which is in colour: must be one image of shape (height, width)"
            )
        if stored.levels:
            raise AssayError(
                f"{path}: has levels from 0 to 255, which were scaled to be looked at: give the counts, as FITS, .npy, "
                "or TIFF or PNG of 16 bits"
            )
        wrong = np.argwhere(~np.isfinite(values))
        if len(wrong):
            row, column = wrong[0].tolist()
            raise AssayError(
                f"{path}: pixel [{row}][{column}] is {values[row, column]:g}, and {len(wrong)} of its {values.size} "
                "pixels are no numbers: replace them"
            )
        return values.astype("float64", copy=False)

    def on_sky(
        self,
        answer: Mapping[str, Any],  # noqa: ARG002
        labels: Mapping[str, Sequence[str]],  # noqa: ARG002
        axes: "np.ndarray[Any, Any]",  # noqa: ARG002
    ) -> Mapping[str, SkyValue]:
        """What of an answer is another number on the sky than in the array; nothing by default.

        Args:
            answer: outputs of one image, by name.
            labels: what the entries of an output are called, by its name.
            axes: north and east (rows) of a step to the next column and to the next row (columns), orthogonal.
        """
        return {}
