"""The masks that answers are held against, made of the true flux of each pixel.

    true_masks(flux_bhw, settings.train)               # {"mask": (b, h, w) of 0 and 1, "bright": …, "brightest": …}

Literature calls the pixels with any source target A, the brightest ones of an image target B.
"""

from typing import TYPE_CHECKING

from models.estimators.sources import brightest

if TYPE_CHECKING:
    from torch import Tensor

    from components.problems.point_sources.settings import PointSourcesTrainSettings

__label__ = "point_sources_truths"

MASKS = {"mask": "all", "bright": "bright", "brightest": "brightest"}
"""Outputs that are probabilities, and what they are called in names of metrics."""


def true_masks(flux_bhw: "Tensor", train: "PointSourcesTrainSettings") -> "dict[str, Tensor]":
    """1 in the pixels of each mask, else 0.

    Args:
        flux_bhw: of all sources in each pixel, counts.
        train: says what is bright.
    """
    return {
        "mask": (flux_bhw > 0).to(flux_bhw.dtype),
        "bright": (flux_bhw > train.bright_flux).to(flux_bhw.dtype),
        "brightest": brightest(flux_bhw, train.brightest_share),
    }
