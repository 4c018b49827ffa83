"""What is measured of each picture that a model has made whole again.

    found = about.measure(picture_scores)               # {"psnr": (pictures,), "gain_db": (pictures,), …}

The gain is over the picture as it is seen: how hard a picture is differs more than models do. Shape suffixes: b batch,
c bands, h height, w width.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from components.evidence.restored import psnr, ssim
from components.fields import Batch
from components.problems.restoration.settings import FACTOR
from models.estimators.upsampled import Resizing

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "restoration_scores"

MEANS = ("gain_db", "gain_ssim", "psnr", "ssim", "mse", "coverage68", "inconsistency")


def picture_scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Of each picture, shape (b,) each.

    Returns:
        `mse`, `psnr` [dB], `ssim`, both of the picture as it is seen (`psnr.identity`, `ssim.identity`) and the gain
        over them, `coverage68` of stated errors, `inconsistency` (root mean square of the answer, resized, less the
        small picture), and `alarm`.
    """
    seen_bchw, truth_bchw, ours_bchw = batch.inputs["image"], batch.targets["picture"], outputs["restored"]
    resizing = _resizing(seen_bchw.shape[2], seen_bchw.shape[3]).to(seen_bchw.device)
    ours = {"psnr": psnr(ours_bchw, truth_bchw), "ssim": ssim(ours_bchw, truth_bchw)}
    as_seen = {"psnr": psnr(seen_bchw, truth_bchw), "ssim": ssim(seen_bchw, truth_bchw)}
    miss_bchw = (ours_bchw - truth_bchw).double()
    apart_bchw = resizing.smaller(ours_bchw.to(seen_bchw.dtype)) - resizing.told(seen_bchw)
    return {
        **ours,
        **{f"{name}.identity": value for name, value in as_seen.items()},
        "gain_db": ours["psnr"] - as_seen["psnr"],
        "gain_ssim": ours["ssim"] - as_seen["ssim"],
        "mse": miss_bchw.square().mean(dim=(1, 2, 3)),
        "coverage68": (miss_bchw.abs() <= outputs["restored_error"].double()).double().mean(dim=(1, 2, 3)),
        "inconsistency": apart_bchw.square().mean(dim=(1, 2, 3)).sqrt(),
        "alarm": doubted(outputs),
    }


def doubted(outputs: "Mapping[str, Tensor]") -> "Tensor":
    """Whether each picture is unlike those that a model is for: 1, else 0."""
    return (~(outputs["departure"].amax(dim=1) <= 1)).double()


@lru_cache(maxsize=8)
def _resizing(height: int, width: int) -> Resizing:
    return Resizing(height=height, width=width, factor=FACTOR)
