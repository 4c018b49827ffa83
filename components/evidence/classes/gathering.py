"""Gather the evidence for a model that tells classes: how often it is right, and whether its probabilities are.

evaluation = gather_classes(about, noise="sigma")                 # about: see measuring.py

The model answers `probabilities`; the target `class` is the number of the true one, and its field's labels are the
classes' names. Shape suffixes: b batch, k classes.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from components.evidence.classes import plots, sections
from components.evidence.input_region import input_region
from components.evidence.intervals import Array, share
from components.evidence.measuring import Measuring
from components.evidence.reliability import calibration_error, reliability, reliability_table
from components.evidence.reliability_plot import plot_reliability
from components.fields import Batch, Confirmation, Evaluation, Loss

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "class_gathering"

_FLOOR = 1e-3
"""Of the Brier score: probabilities that are wrong by two hundredths count as right."""


def gather_classes(about: Measuring, *, noise: str | float) -> Evaluation:
    """Accuracy, log score, Brier score and calibration over the test split, and the region of the inputs.

    Args:
        about: the model and what it is measured on.
        noise: name of the input that is the noise of a pixel, or the number that takes its place, in the image's unit.
    """
    classes = next(field.labels for field in about.problem.targets(about.settings.simulate) if field.name == "class")
    found = about.measure(_numbers)
    right = (found["class"] == found["answered"]).astype(np.float64)
    metrics = {
        "accuracy.test": share(right),
        **about.metrics("log_score", found["log_score"], np.mean),
        **about.metrics("brier", found["brier"], np.mean),
        "calibration_error.test": about.metric_of_means(found["reliability"], calibration_error),
    }
    for number, name in enumerate(classes):
        if (found["class"] == number).any():
            metrics[f"accuracy.class.{name}"] = share(right[found["class"] == number])
    curve, confusion = reliability_table(found["reliability"]), confusion_table(found, classes)
    report = sections.report(metrics, confusion)
    names = np.array(classes, dtype=object)
    table = pd.DataFrame(
        {
            "slice": about.slice_of,
            **{name: names[found[name].astype(int)] for name in ("class", "answered")},
            **{name: found[name] for name in ("log_score", "brier")},
        }
    )
    return Evaluation(
        metrics=metrics,
        headline=("accuracy.test", "log_score.test", "brier.test", "calibration_error.test"),
        summary=f"{100 * metrics['accuracy.test'].value:.1f} % right on the test split",
        losses=_losses(found),
        slices=about.slice_of,
        report=report,
        sections=sections.sections(report, metrics, about.slices),
        tables={"classes": table, "confusion": confusion, "reliability": curve},
        tested_range=input_region(about.problem, about.dataset, about.settings, noise=noise, device=about.device),
        plots={
            "confusion": plots.plot_confusion(confusion),
            "reliability": plot_reliability(curve, of="images", title="Do the probabilities mean what they say?"),
        },
    )


def confirm_classes(about: Measuring) -> Confirmation:
    """What a model loses on a split; arguments as of `gather_classes`."""
    return Confirmation(losses=_losses(about.measure(_numbers)), slices=about.slice_of)


def _losses(found: Mapping[str, Array]) -> tuple[Loss, ...]:
    return (
        Loss(name="brier", values=found["brier"], floor=_FLOOR),
        Loss(name="log_score", values=found["log_score"], scale="absolute"),
    )


def confusion_table(found: Mapping[str, Array], classes: Sequence[str]) -> pd.DataFrame:
    """How often each class was answered for each: the columns `class`, `answered` and `count`, a row for each pair.

    Args:
        found: `class` and `answered` of each image, as numbers.
        classes: their names.
    """
    pairs = (len(classes) * found["class"] + found["answered"]).astype(int)
    counts = np.bincount(pairs, minlength=len(classes) ** 2)
    return pd.DataFrame(
        {"class": np.repeat(classes, len(classes)), "answered": np.tile(classes, len(classes)), "count": counts}
    )


def _numbers(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Of each image; the curve of reliability is that of the class answered."""
    probability_bk, class_b = outputs["probabilities"].double(), batch.targets["class"]
    true_b = probability_bk.gather(1, class_b[:, None])[:, 0]
    surest_b, answered_b = probability_bk.max(dim=1)
    return {
        "class": class_b,
        "answered": answered_b,
        "log_score": -true_b.log(),
        "brier": probability_bk.square().sum(dim=1) - 2 * true_b + 1,
        "reliability": reliability(surest_b[:, None], (answered_b == class_b)[:, None]),
    }
