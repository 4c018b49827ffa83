"""What befalls pictures: resized to a quarter of their size and back, as matrices that are made once.

seen_bchw = degraded(picture_bchw)
"""

from functools import lru_cache

from torch import Tensor, device

from components.problems.restoration.upsampling.settings import FACTOR
from models.estimators.upsampled import Resizing

__label__ = "restoration_degrading"


def resizing_of(picture_bchw: Tensor, factor: int = FACTOR) -> Resizing:
    """To a fraction and back, for pictures of that size, on their device."""
    return _resizing(picture_bchw.shape[2], picture_bchw.shape[3], factor, picture_bchw.device)


def degraded(picture_bchw: Tensor, factor: int = FACTOR) -> Tensor:
    """Pictures as they are seen."""
    resizing = resizing_of(picture_bchw, factor)
    return resizing.larger(resizing.smaller(picture_bchw))


@lru_cache(maxsize=16)
def _resizing(height: int, width: int, factor: int, where: device) -> Resizing:
    return Resizing(height=height, width=width, factor=factor).to(where)
