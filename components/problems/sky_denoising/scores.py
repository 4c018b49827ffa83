"""What is measured of each image that a model took the noise off, under each kind of noise by itself.

    found = measure_kinds(about)                        # {"gaussian": {"mse": (images,), …}, …}
    metrics = kind_metrics(about, found)                # mse.gaussian, mse_corrupted.masked, psnr.poisson, …

Errors are in units of the clean image's maximum, as the summer school counted them. Shape suffixes: b batch, h height,
w width.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from components.evidence import Array, Measuring
from components.evidence.denoised import similarity
from components.fields import Batch, Metric
from components.problems.sky_denoising.noises import ADDED, NOISES, SPARING

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "sky_denoising_scores"

_MEANS = ("mse", "psnr", "ssim", "flux_bias", "coverage68", "kind_accuracy")
_LEAST = 1e-12


def measure_kinds(about: Measuring) -> dict[str, dict[str, Array]]:
    """Numbers of each image of the split, by kind of noise: every image is shown with each."""
    again = replace(about, progress=lambda count: None)  # noqa: ARG005 - an image is told of once
    return {kind: of_kind(again if kind in ADDED else about, kind).measure(image_scores) for kind in NOISES}


def of_kind(about: Measuring, kind: str) -> Measuring:
    """The same with one kind of noise."""
    return replace(about, problem=type(about.problem)(kind))  # type: ignore[call-arg]


def kind_metrics(about: Measuring, found: Mapping[str, Mapping[str, Array]]) -> dict[str, Metric]:
    """`<score>.<kind>` of the split; `mse_corrupted` and `mse_untouched` of noises that spare pixels."""
    metrics: dict[str, Metric] = {}
    for kind, scores in found.items():
        metrics |= {f"{name}.{kind}": about.metric(scores[name], np.mean) for name in _MEANS}
        if kind in SPARING:
            names = ("mse_corrupted", "mse_untouched")
            metrics |= {f"{name}.{kind}": about.metric(scores[name], np.mean) for name in names}
    return metrics


def image_scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Of each image, shape (b,) each.

    Returns:
        `mse`, that of pixels that noise has changed (`mse_corrupted`) and has not (`mse_untouched`, 0 where there are
        none), `psnr` in decibels, `ssim` (Wang et al. 2004), `flux_bias` (relative, of the sum), `coverage68` of stated
        errors, and `kind_accuracy`.
    """
    clean_bhw = batch.targets["clean_image"].double()
    restored_bhw = outputs["restored"].double()
    square_bhw = (restored_bhw - clean_bhw).square()
    spoilt_bhw = (batch.inputs["image"].double() != clean_bhw).double()
    mse_b = square_bhw.mean(dim=(1, 2))
    flux_b, true_b = (of.sum(dim=(1, 2)) for of in (restored_bhw, clean_bhw))
    within_bhw = square_bhw.sqrt() <= outputs["restored_error"].double()
    return {
        "mse": mse_b,
        "mse_corrupted": _mean_where(square_bhw, spoilt_bhw),
        "mse_untouched": _mean_where(square_bhw, 1 - spoilt_bhw),
        "psnr": -10 * mse_b.clamp_min(_LEAST).log10(),
        "ssim": clean_bhw.new_tensor(similarity(restored_bhw.cpu().numpy(), clean_bhw.cpu().numpy())),
        "flux_bias": flux_b / true_b.clamp_min(_LEAST) - 1,
        "coverage68": within_bhw.double().mean(dim=(1, 2)),
        "kind_accuracy": (outputs["noise_kind"].argmax(dim=1) == batch.targets["noise_kind"]).double(),
    }


def _mean_where(value_bhw: "Tensor", weight_bhw: "Tensor") -> "Tensor":
    """Of each image, 0 where no pixel counts."""
    return (value_bhw * weight_bhw).sum(dim=(1, 2)) / weight_bhw.sum(dim=(1, 2)).clamp_min(1)
