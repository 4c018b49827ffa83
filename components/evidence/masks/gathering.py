"""Gather the evidence for a model that finds masks: how well they overlap, and whether its probabilities are right.

evaluation = gather_masks(about, noise="sigma")                 # about: see measuring.py

The model answers `mask`, a probability in each pixel; so is the target called, 0 or 1. Shape suffixes: b batch,
h height, w width.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from components.evidence.input_region import input_region
from components.evidence.intervals import Array
from components.evidence.masks import plots, sections
from components.evidence.masks.scores import INSIDE, mask_metrics, pixel_scores
from components.evidence.measuring import Measuring
from components.evidence.reliability import reliability_table
from components.fields import Batch, Confirmation, Evaluation, Loss

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "mask_gathering"

_DICE_FLOOR, _BRIER_FLOOR = 1e-3, 1e-6
"""What counts as no loss: one pixel in a mask of a thousand, a probability that is wrong by a thousandth."""
_EXAMPLES = 3


def gather_masks(about: Measuring, *, noise: str | float) -> Evaluation:
    """Dice coefficient, Brier score and calibration over the test split and its slices, and the region of the inputs.

    Args:
        about: the model and what it is measured on.
        noise: name of the input that is the noise of a pixel, or the number that takes its place, in the image's unit.
    """
    found = about.measure(_numbers)
    metrics = {
        **mask_metrics(about, found, "test"),
        **about.metrics("dice", found["dice"], np.mean),
        **about.metrics("brier", found["brier"], np.mean),
    }
    table = pd.DataFrame({"slice": about.slice_of, "dice": found["dice"], "brier": found["brier"]})
    curve = reliability_table(found["reliability"])
    report = sections.report(metrics, table["slice"])
    return Evaluation(
        metrics=metrics,
        headline=("dice.test", "brier.test", "calibration_error.test"),
        summary=f"Dice {metrics['dice.test'].value:.3f} on the test split",
        losses=_losses(found),
        slices=about.slice_of,
        report=report,
        sections=sections.sections(report, metrics),
        tables={"masks": table, "reliability": curve},
        tested_range=input_region(about.problem, about.dataset, about.settings, noise=noise, device=about.device),
        plots={
            "examples": plots.plot_examples(*about.examples(_EXAMPLES)),
            "reliability": plots.plot_pixel_reliability(curve),
        },
    )


def confirm_masks(about: Measuring) -> Confirmation:
    """What a model loses on a split; arguments as of `gather_masks`."""
    return Confirmation(losses=_losses(about.measure(_numbers)), slices=about.slice_of)


def _losses(found: Mapping[str, Array]) -> tuple[Loss, ...]:
    return (
        Loss(name="one_minus_dice", values=1 - found["dice"], floor=_DICE_FLOOR),
        Loss(name="brier", values=found["brier"], floor=_BRIER_FLOOR),
    )


def _numbers(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Of each image."""
    probability_bhw, truth_bhw = outputs["mask"].double(), batch.targets["mask"].double()
    return {"dice": dice(probability_bhw, truth_bhw), **pixel_scores(probability_bhw, truth_bhw)}


def dice(probability_bhw: "Tensor", truth_bhw: "Tensor") -> "Tensor":
    """Dice coefficient of each image, shape (b,): twice what both hold over what each holds; 1 where both are empty."""
    answered_bhw, true_bhw = probability_bhw >= INSIDE, truth_bhw >= INSIDE
    both_b = (answered_bhw & true_bhw).sum(dim=(1, 2)).double()
    sum_b = (answered_bhw.int() + true_bhw.int()).sum(dim=(1, 2))
    found_b = torch.where(sum_b > 0, 2 * both_b / sum_b.clamp_min(1), 1.0)
    # A probability that is no number is not one below a half: the metric must be no number either.
    return torch.where(probability_bhw.isfinite().all(dim=2).all(dim=1), found_b, torch.nan)
