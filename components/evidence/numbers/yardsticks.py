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


BOUND = Yardstick(key="crb", said="bound", plural="bounds", meant="of each image's own Cramér–Rao bound", decimals=1)
"""The bound of each image, in the catalogue columns `crb_<truth>`."""
RANGE = Yardstick(
    key="range", said="range", plural="ranges", meant="of each parameter's prior, the same for all images", decimals=2
)
"""The range of the prior, where no bound of single images is known."""
