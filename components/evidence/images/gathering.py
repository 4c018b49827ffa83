"""Gather the evidence for a model that restores images: how far from the truth, and whether it knows that.

evaluation = gather_images(about, noise="sigma")                 # about: see measuring.py

The model answers `restored` and `restored_error`, the target is `clean_image`. Errors are counted in units of each
image's own noise. Shape suffixes: b batch, h height, w width.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from components.evidence.images import plots, sections
from components.evidence.input_region import input_region, noise_of
from components.evidence.intervals import Array, rms
from components.evidence.measuring import Measuring
from components.fields import Batch, Confirmation, Evaluation, Loss

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "image_gathering"

_FLOOR = 1e-6
"""Of the squared error: a thousandth of the noise counts as no error."""
_EXAMPLES = 3


def gather_images(about: Measuring, *, noise: str | float, bound: str | None = None) -> Evaluation:
    """Error, bias and coverage over the test split and its slices, and the region of the inputs.

    Args:
        about: the model and what it is measured on.
        noise: name of the input that is the noise of a pixel, or the number that takes its place, in the image's unit.
        bound: catalogue column with the least root mean square error of an image that physics allows, in its unit.
    """
    found = about.measure(lambda batch, outputs: _numbers(batch, outputs, noise_of(batch.inputs, noise)))
    error = np.sqrt(found["squared_error"])
    metrics = {
        **about.metrics("rmse_over_noise", error, rms),
        **about.metrics("bias_over_noise", found["bias"], np.mean),
        **about.metrics("coverage68", found["covered"], np.mean),
    }
    headline = ["rmse_over_noise.test", "bias_over_noise.test", "coverage68.test"]
    summary = f"RMSE {metrics['rmse_over_noise.test'].value:.3f} of the noise on the test split"
    if bound is not None:
        bounds = about.dataset.catalogue[bound].to_numpy(dtype=np.float64)[about.rows]
        metrics |= about.metrics("rmse_over_bound", error * found["noise"] / bounds, rms)
        headline.insert(0, "rmse_over_bound.test")
        summary = f"RMSE {metrics['rmse_over_bound.test'].value:.2f} bounds on the test split"
    table = pd.DataFrame(
        {
            "slice": about.slice_of,
            "rmse_over_noise": error,
            "stated_over_noise": np.sqrt(found["stated_variance"]),
            "bias_over_noise": found["bias"],
            "coverage68": found["covered"],
        }
    )
    batch, outputs = about.examples(_EXAMPLES)
    report = sections.report(metrics, table["slice"])
    return Evaluation(
        metrics=metrics,
        headline=tuple(headline),
        summary=summary,
        losses=_losses(found),
        slices=about.slice_of,
        report=report,
        sections=sections.sections(report),
        tables={"images": table},
        tested_range=input_region(about.problem, about.dataset, about.settings, noise=noise, device=about.device),
        plots={
            "examples": plots.plot_examples(batch, outputs, noise_of(batch.inputs, noise)),
            "stated-error": plots.plot_stated_error(table),
        },
    )


def confirm_images(about: Measuring, *, noise: str | float) -> Confirmation:
    """What a model loses on a split; arguments as of `gather_images`."""
    return Confirmation(
        losses=_losses(about.measure(lambda batch, outputs: _numbers(batch, outputs, noise_of(batch.inputs, noise)))),
        slices=about.slice_of,
    )


def _losses(found: Mapping[str, Array]) -> tuple[Loss, ...]:
    return (Loss(name="squared_error", values=found["squared_error"], floor=_FLOOR),)


def _numbers(batch: Batch, outputs: "Mapping[str, Tensor]", noise_b: "Tensor") -> "dict[str, Tensor]":
    """Of each image, errors in units of its noise."""
    noise_bhw = noise_b.double()[:, None, None]
    miss_bhw = (outputs["restored"].double() - batch.targets["clean_image"].double()) / noise_bhw
    stated_bhw = outputs["restored_error"].double() / noise_bhw
    return {
        "noise": noise_b,
        "squared_error": miss_bhw.square().mean(dim=(1, 2)),
        "bias": miss_bhw.mean(dim=(1, 2)),
        "covered": (miss_bhw.abs() <= stated_bhw).double().mean(dim=(1, 2)),
        "stated_variance": stated_bhw.square().mean(dim=(1, 2)),
    }
