"""Ways without a network to make a picture whole again: what a network must beat.

    baselines = learned_baselines(about)
    outputs = baselines["linear"](inputs)

`bicubic` is the small picture, resized by cubic polynomials; `consistent` the picture nearest to the one that is seen
which comes to the small one; `linear` the best filter of 9 × 9 pixels, one for all bands, fitted to training pictures.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from components.evidence import Measuring
from components.fields import Answer
from components.problems.restoration.upsampling.degrading import resizing_of
from models.estimators.upsampled import TESTS

if TYPE_CHECKING:
    from models.fields import Arrays

__label__ = "restoration_baselines"

NAMES = ("bicubic", "consistent", "linear")
_SIDE = 9
_RIDGE = 1e-6
"""Of the mean square of a pixel: pictures without any detail leave the filter open."""


def learned_baselines(about: Measuring) -> Mapping[str, Answer]:
    """Each of `NAMES` as a model that states no errors.

    Args:
        about: whose training pictures the filter is fitted to.
    """
    settings: Any = about.settings
    kernel_ss = _fitted(about, settings.evaluate.filter_pictures)

    def bicubic(seen_bchw: Tensor) -> Tensor:
        small = resizing_of(seen_bchw).told(seen_bchw)
        return functional.interpolate(small, size=seen_bchw.shape[2:], mode="bicubic", align_corners=False)

    def consistent(seen_bchw: Tensor) -> Tensor:
        resizing = resizing_of(seen_bchw)
        return resizing.consistent(seen_bchw, resizing.told(seen_bchw))

    def linear(seen_bchw: Tensor) -> Tensor:
        flat = _padded(seen_bchw)
        return functional.conv2d(flat, kernel_ss[None, None].to(flat)).view(seen_bchw.shape)

    return {name: _answering(of) for name, of in zip(NAMES, (bicubic, consistent, linear), strict=True)}


def _answering(of: Any) -> Answer:
    def answer(inputs: "Arrays") -> dict[str, Tensor]:
        seen_bchw = inputs["image"]
        return {
            "restored": of(seen_bchw).clamp(0, 1),
            "restored_error": torch.zeros_like(seen_bchw),
            "departure": torch.zeros(len(seen_bchw), len(TESTS), device=seen_bchw.device),
        }

    return answer


def _fitted(about: Measuring, pictures: int) -> Tensor:
    """The filter by least squares, shape (`_SIDE`, `_SIDE`)."""
    count = _SIDE**2
    square_kk, product_k = torch.zeros(count, count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    rows = about.dataset.rows("train")[:pictures]
    for batch in about.batches(rows):
        for seen_chw, truth_chw in zip(batch.inputs["image"], batch.targets["picture"], strict=True):
            near_ckn = functional.unfold(_padded(seen_chw[None]), _SIDE).double().cpu()
            square_kk += torch.einsum("ckn,cln->kl", near_ckn, near_ckn)
            product_k += torch.einsum("ckn,cn->k", near_ckn, truth_chw.flatten(1).double().cpu())
    square_kk += _RIDGE * square_kk.diagonal().mean() * torch.eye(count, dtype=torch.float64)
    kernel_ss: Tensor = torch.linalg.solve(square_kk, product_k).view(_SIDE, _SIDE)
    return kernel_ss


def _padded(picture_bchw: Tensor) -> Tensor:
    """Every band by itself, mirrored at its edges, shape (b · c, 1, h, w)."""
    reach = _SIDE // 2
    return functional.pad(picture_bchw.flatten(0, 1)[:, None], (reach,) * 4, mode="reflect")
