"""What befalls pictures: resized to a quarter of their size and back, as matrices that are made once.

seen_bchw = degraded(picture_bchw)
"""

from functools import lru_cache

from torch import Tensor, device

from components.problems.restoration.settings import FACTOR
from models.estimators.upsampled import Resizing

__label__ = "restoration_degrading"


def resizing_of(picture_bchw: Tensor) -> Resizing:
    """To a quarter and back, for pictures of that size, on their device."""
    return _resizing(picture_bchw.shape[2], picture_bchw.shape[3], picture_bchw.device)


def degraded(picture_bchw: Tensor) -> Tensor:
    """Pictures as they are seen."""
    resizing = resizing_of(picture_bchw)
    return resizing.larger(resizing.smaller(picture_bchw))


@lru_cache(maxsize=8)
def _resizing(height: int, width: int, where: device) -> Resizing:
    return Resizing(height=height, width=width, factor=FACTOR).to(where)
