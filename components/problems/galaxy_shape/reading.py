"""How a galaxy lies in a user's file, and its shear on the sky.

found = GALAXY.on_sky(answer, labels, axes)         # by `sky.py`
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.fields import Reading, SkyValue
from components.problems.galaxy_shape import sky

__label__ = None


class GalaxyReading(Reading):
    """One band in counts, with directions among the answers."""

    frame = (
        "g1 > 0 is along a row, g2 > 0 towards growing column and row; rows are counted as they lie in the file: of "
        "FITS from the lowest, of PNG, TIFF and JPEG from the top, of .npy from row 0"
    )

    def on_sky(
        self, answer: Mapping[str, Any], labels: Mapping[str, Sequence[str]], axes: "np.ndarray[Any, Any]"
    ) -> Mapping[str, SkyValue]:
        """Shear and position angle, east of north."""
        return sky.on_sky(answer, labels, axes)


GALAXY = GalaxyReading()
