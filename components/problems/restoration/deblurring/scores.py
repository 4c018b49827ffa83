"""What is measured of each image that a model has deblurred.

    found = about.measure(image_scores)                 # {"mse": (images,), "psnr": (images,), …}
    shapes = shape_scores(batch, outputs, pixel_scale)  # ellipticity, size and flux: a second per thousand images

Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from components.evidence.restored import psnr, ssim
from components.fields import Batch
from components.simulators.sersic import adaptive_moments
from models.estimators.deblurred import blurred, transfer

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "deblurring_scores"

MEANS = ("psnr", "ssim", "mse", "mse_over_seen", "coverage68", "residual")
SHAPES = ("ellipticity_error", "size_error", "flux_error")


def image_scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Of each image, shape (b,) each.

    Returns:
        `mse`, over the mean square of the truth, and over that of the image as it is seen (`mse_over_seen`); `psnr`
        [dB] and `ssim`, of values over the truth's largest; `coverage68` of stated errors where the truth has any
        light to speak of; `residual` (mean square of the image less the answer blurred again, in noises), and `alarm`.
    """
    seen_bhw, truth_bhw, ours_bhw = batch.inputs["image"], batch.targets["truth"], outputs["restored"]
    power_b = truth_bhw.double().square().mean(dim=(1, 2))
    miss_bhw = (ours_bhw - truth_bhw).double()
    mse_b = miss_bhw.square().mean(dim=(1, 2))
    before_b = (seen_bhw - truth_bhw).double().square().mean(dim=(1, 2))
    ours, truth = ((of / truth_bhw.amax(dim=(1, 2), keepdim=True))[:, None] for of in (ours_bhw, truth_bhw))
    return {
        "psnr": psnr(ours, truth),
        "ssim": ssim(ours, truth),
        "mse": mse_b / power_b,
        "mse_over_seen": mse_b / before_b,
        "coverage68": (miss_bhw.abs() <= outputs["restored_error"].double()).double().mean(dim=(1, 2)),
        "residual": residual(batch, outputs),
        "alarm": doubted(outputs),
    }


def residual(batch: Batch, outputs: "Mapping[str, Tensor]") -> "Tensor":
    """Mean square of what the answer, blurred again, leaves of each image, in noises, shape (b,): 1 for the truth."""
    image_bhw = batch.inputs["image"]
    again_bhw = blurred(outputs["restored"], transfer(batch.inputs["psf"], size=image_bhw.shape[1]))
    rest_bhw = (image_bhw - again_bhw) / batch.inputs["sigma"][:, None, None]
    return rest_bhw.double().square().mean(dim=(1, 2))


def shape_scores(batch: Batch, outputs: "Mapping[str, Tensor]", pixel_scale: float) -> "dict[str, Tensor]":
    """How far off in shape, by adaptive moments of the answer and of the truth, shape (b,) each.

    Args:
        batch: images.
        outputs: the answers.
        pixel_scale: arcseconds a pixel.

    Returns:
        `ellipticity_error` |g − g of the truth|, and of size and flux the error over the truth's, both positive. An
        answer whose moments cannot be found counts as round, and a point; NaN where those of the truth cannot.
    """
    ours_bhw, truth_bhw = (of.double().cpu() for of in (outputs["restored"], batch.targets["truth"]))
    ours_bq, truth_bq = (torch.from_numpy(adaptive_moments(of.numpy(), pixel_scale)) for of in (ours_bhw, truth_bhw))
    ours_bq = ours_bq.nan_to_num(0.0)
    flux_b, true_flux_b = (of.sum(dim=(1, 2)) for of in (ours_bhw, truth_bhw))
    return {
        "ellipticity_error": torch.hypot(*(ours_bq - truth_bq)[:, 1:].unbind(1)),
        "size_error": (ours_bq[:, 0] / truth_bq[:, 0] - 1).abs(),
        "flux_error": (flux_b / true_flux_b - 1).abs(),
    }


def doubted(outputs: "Mapping[str, Tensor]") -> "Tensor":
    """Whether each image is unlike those that a model is for: 1, else 0."""
    return (~(outputs["departure"].amax(dim=1) <= 1)).double()
