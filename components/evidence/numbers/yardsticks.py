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


BOUND = Yardstick(key="crb", said="bound", plural="bounds", meant="of each image's own Cramér–Rao bound")
RANGE = Yardstick(
    key="range", said="range", plural="ranges", meant="of each parameter's prior, the same for all images"
)
