"""Pictures as they might have been taken as well: mirrored, turned, shifted, from farther away, in swapped colours.

    augmented(picture_bchw, random_bk)

A shift by less than the factor moves the grid that a picture is resized on, and one from farther away has finer detail
(as Dong, Loy & Tang 2016 have it); what is not seen then is filled by mirror images. Shape suffixes: b batch, c bands,
h height, w width, k numbers of a picture.
"""

import torch
from torch import Tensor
from torch.nn import functional

__label__ = "restoration_augmentation"

CHANCES = 8
"""Numbers between 0 and 1 that a picture is changed by."""
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
"""In which colours may be."""
_FARTHEST = 0.6
"""Of its size, to which half of the pictures are made smaller."""
_SHIFT = 4
"""Pixels."""


def augmented(picture_bchw: Tensor, chance_bk: Tensor) -> Tensor:
    """Each picture by chances of its own, of the size it has.

    Args:
        picture_bchw: values from 0 to 1.
        chance_bk: between 0 and 1, shape (b, `CHANCES`); on the processor, which decides by them.
    """
    return torch.stack(
        [
            _changed(picture_chw, chances)
            for picture_chw, chances in zip(picture_bchw, chance_bk.numpy().tolist(), strict=True)
        ]
    )


def _changed(picture_chw: Tensor, chances: list[float]) -> Tensor:
    across, down, swapped, order, zoom, far, *place = chances
    _, height, width = picture_chw.shape
    if zoom < 0.5:
        scale = _FARTHEST + (1 - _FARTHEST) * far
        picture_chw = _smaller(picture_chw, (round(scale * height), round(scale * width)))
    picture_chw = _placed(picture_chw, (height, width), place)
    axes = [axis for axis, chance in ((2, across), (1, down)) if chance < 0.5]
    turned_chw = picture_chw.flip(axes)
    if swapped < 0.5 and height == width:
        turned_chw = turned_chw.transpose(1, 2)
    return turned_chw[list(_ORDERS[int(order * len(_ORDERS))])]


def _smaller(picture_chw: Tensor, size: tuple[int, int]) -> Tensor:
    smaller = functional.interpolate(picture_chw[None], size=size, mode="bilinear", antialias=True)
    return smaller[0].clamp(0, 1)


def _placed(picture_chw: Tensor, size: tuple[int, int], place: list[float]) -> Tensor:
    """Shifted by some pixels, and all around it its mirror image."""
    around = []
    for side, wanted, chance in zip(picture_chw.shape[1:], size, place, strict=False):
        spare = min(wanted - side + _SHIFT, side - 1)
        before = round(chance * spare)
        around.append((before, max(0, wanted - side - before)))
    (top, bottom), (left, right) = around
    padded = functional.pad(picture_chw[None], (left, right, top, bottom), mode="reflect")[0]
    return padded[:, : size[0], : size[1]]
