"""What errors are measured in: the bound of each image, or the range of the prior where single images have no bound.

f"posterior.rmse_over_{problem.yardstick.key}.test.{truth}"
"""

from typing import NamedTuple

__label__ = "yardsticks"


class Yardstick(NamedTuple):
    """What errors are measured in."""

    key: str
    """In the names of metrics, such as `rmse_over_crb`."""
    said: str
    """In words, one of it."""
    plural: str
    meant: str
    """After `Errors in bounds: `."""
    decimals: int
    """Of an error in a sentence."""
    plain: float
    """An RMSE that speaks for itself; where every one is less, what is wrong are the stated errors."""


BOUND = Yardstick(
    key="crb", said="bound", plural="bounds", meant="of each image's own Cramér–Rao bound", decimals=1, plain=1.3
)
"""The bound of each image, in the catalogue columns `crb_<truth>`."""
RANGE = Yardstick(
    key="range", said="range", plural="ranges", meant="of each prior, the same for all images", decimals=2, plain=0.25
)
"""The range of the prior, where no bound of single images is known."""
