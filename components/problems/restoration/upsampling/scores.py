"""What is measured of each picture that a model has made whole again.

    found = about.measure(picture_scores)               # {"psnr": (pictures,), "gain_db": (pictures,), …}

The gain is over the picture as it is seen: how hard a picture is differs more than models do. Shape suffixes: b batch,
c bands, h height, w width.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from components.evidence.restored import psnr, ssim
from components.fields import Batch
from components.problems.restoration.upsampling.degrading import resizing_of

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "restoration_scores"

_LEAST = 1e-6
"""Of squared errors that are compared: what 8 bits hide."""
MEANS = ("gain_db", "gain_ssim", "psnr", "ssim", "mse", "coverage68", "inconsistency")


def picture_scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Of each picture, shape (b,) each.

    Returns:
        `mse`, and over that of the picture as it is seen (`mse_over_seen`); `psnr` [dB], `ssim`, both of the picture as
        it is seen (`psnr.identity`, `ssim.identity`) and the gain over them; `coverage68` of stated errors;
        `inconsistency` (root mean square of the answer, resized, less the small picture); and `alarm`.
    """
    seen_bchw, truth_bchw, ours_bchw = batch.inputs["image"], batch.targets["picture"], outputs["restored"]
    resizing = resizing_of(seen_bchw)
    ours = {"psnr": psnr(ours_bchw, truth_bchw), "ssim": ssim(ours_bchw, truth_bchw)}
    as_seen = {"psnr": psnr(seen_bchw, truth_bchw), "ssim": ssim(seen_bchw, truth_bchw)}
    miss_bchw, before_bchw = ((of - truth_bchw).double() for of in (ours_bchw, seen_bchw))
    mse_b, before_b = (of.square().mean(dim=(1, 2, 3)) for of in (miss_bchw, before_bchw))
    apart_bchw = resizing.smaller(ours_bchw.to(seen_bchw.dtype)) - resizing.told(seen_bchw)
    return {
        **ours,
        **{f"{name}.identity": value for name, value in as_seen.items()},
        "gain_db": ours["psnr"] - as_seen["psnr"],
        "gain_ssim": ours["ssim"] - as_seen["ssim"],
        "mse": mse_b,
        "mse_over_seen": (mse_b + _LEAST) / (before_b + _LEAST),
        "coverage68": (miss_bchw.abs() <= outputs["restored_error"].double()).double().mean(dim=(1, 2, 3)),
        "inconsistency": apart_bchw.square().mean(dim=(1, 2, 3)).sqrt(),
        "alarm": doubted(outputs),
    }


def doubted(outputs: "Mapping[str, Tensor]") -> "Tensor":
    """Whether each picture is unlike those that a model is for: 1, else 0."""
    return (~(outputs["departure"].amax(dim=1) <= 1)).double()
