"""Put together the evidence for a model that looks for point sources.

    evaluation = gather(about, cache=folder)

The probabilities of each mask on the test split (`masks/scores.py`), over the exact posterior on its first skies and
beside baselines without a network; the list; what fresh skies say; failure maps; speed.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence import (
    Array,
    MeasuredOf,
    Measuring,
    alarms,
    difference,
    measure_along,
    plot_axes,
    reliability_table,
    share,
    time_per_image,
)
from components.evidence.masks import mask_metrics, pixel_scores
from components.evidence.sources import plot_completeness, plot_examples, plot_failure, plot_reliabilities
from components.fields import FRESH, Batch, Confirmation, Evaluation, Loss, Metric, fresh_images, fresh_seed
from components.problems.point_sources import sections
from components.problems.point_sources.compared import all_scores, baseline_metrics, of_mask, over_limit
from components.problems.point_sources.listed import flux_table, list_metrics, list_scores
from components.problems.point_sources.truths import MASKS, true_masks

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "point_sources_evaluation"

_FLOOR = 1e-3
"""Of a loss, nats a pixel: less counts as this."""
_EXAMPLES = 3
_TIMED = 64
_LEVELS = "levels"
"""What the cross entropy of the levels of flux is called among the masks'."""


def gather(about: Measuring, *, cache: Path) -> Evaluation:
    """All of it.

    Args:
        about: the model and what it is measured on.
        cache: folder for what does not depend on the model.
    """
    settings: Any = about.settings
    problem: Any = about.problem
    found = measure(about)
    metrics: dict[str, Metric] = {}
    for mask in MASKS.values():
        metrics |= mask_metrics(about, of_mask(found, mask), mask)
    metrics[f"log_score.{_LEVELS}"] = about.metric(found[_LEVELS], np.mean)
    metrics |= list_metrics(about, found)
    metrics |= over_limit(about, found, cache) | baseline_metrics(about)
    metrics |= fresh_metrics(about, found)
    axes = problem.failure_axes(settings.simulate, settings.evaluate.failure_images, settings.evaluate.seed)
    failures, of_failures = measure_along(about, axes, failure_scores(settings), loss="log_score")
    metrics |= of_failures
    curves = {mask: reliability_table(of_mask(found, mask)["reliability"]) for mask in MASKS.values()}
    fluxes = flux_table(metrics)
    first = about.examples(_EXAMPLES)
    timed = about.examples(_TIMED)[0].inputs
    report = sections.report(metrics)
    figures = {
        "examples": plot_examples(*first, settings.simulate.half_width),
        "reliability": plot_reliabilities(curves),
        "completeness": plot_completeness(fluxes, settings.train.bright_flux),
        **plot_axes(failures, plot_failure),
    }
    return Evaluation(
        metrics=metrics,
        timings=time_per_image(about.answer, {name: array.to(about.device) for name, array in timed.items()}),
        headline=(
            *(f"{score}.all" for score in ("accuracy", "ap", "f1", "auc", "log_score", "calibration_error")),
            "accuracy.brightest",
            "auc.brightest",
            "completeness.bright",
            "purity.bright",
            "false_alarms.fresh",
        ),
        summary=f"average precision {metrics['ap.all'].value:.3f}, accuracy {metrics['accuracy.all'].value:.3f} of all "
        "pixels of the test split",
        losses=losses(found),
        slices=about.slice_of,
        report=report,
        sections=sections.sections(report, metrics, settings, figures),
        tables={
            "completeness": fluxes,
            "failures": failures,
            "reliability": pd.concat([table.assign(mask=mask) for mask, table in curves.items()]),
        },
        tested_range={"inputs": {}},  # how familiar an image is says more than how loud
        plots=figures,
    )


def confirmed(about: Measuring) -> Confirmation:
    """What the model loses on the confirmation split."""
    return Confirmation(losses=losses(measure(about)), slices=about.slice_of)


def measure(about: Measuring) -> dict[str, Array]:
    """Numbers of each image of a split: `<score>.<mask>`, those of the list, and the levels' cross entropy."""
    settings: Any = about.settings

    def numbers(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        flux_bhw = batch.targets["flux"]
        scores = all_scores(outputs, true_masks(flux_bhw, settings.train))
        return {**scores, **list_scores(outputs, flux_bhw, settings), _LEVELS: outputs["log_score"]}

    return replace(about, told=True).measure(numbers)


def losses(found: Mapping[str, Array]) -> tuple[Loss, ...]:
    """Proper scores of what is stated of each pixel: its level of flux, and whether it is one of the brightest."""
    return (
        Loss(name=f"log_score.{_LEVELS}", values=found[_LEVELS], floor=_FLOOR),
        *(Loss(name=f"log_score.{of}", values=found[f"log_score.{of}"], floor=_FLOOR) for of in MASKS.values()),
    )


def fresh_metrics(about: Measuring, found: Mapping[str, Array]) -> dict[str, Metric]:
    """On skies that no dataset holds: `false_alarms.fresh`, `log_score.fresh`, and `log_score.test_less_fresh`."""
    settings: Any = about.settings
    seed, parts = fresh_seed(settings.evaluate.seed, "calibration"), []

    def numbers(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":  # noqa: ARG001
        return {"alarm": alarms(outputs), "loss": outputs["log_score"]}

    for images in fresh_images(about.problem, settings, seed=seed, count=settings.evaluate.fresh_images):
        here = replace(about, dataset=images.dataset, settings=images.settings, split=FRESH, told=True)
        parts.append(here.measure(numbers))
    alarm, loss = (np.concatenate([part[name] for part in parts]) for name in ("alarm", "loss"))
    return {
        "false_alarms.fresh": share(alarm),
        "log_score.fresh": about.metric(loss, np.mean),
        "log_score.test_less_fresh": difference(found[_LEVELS], loss),
    }


def failure_scores(settings: Any) -> MeasuredOf:
    """What is scored along the axes of the failure maps."""

    def scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        truth_bhw = true_masks(batch.targets["flux"], settings.train)["mask"]
        found = pixel_scores(outputs["mask"], truth_bhw)
        expected_b, there_b = (of.double().sum(dim=(1, 2)) for of in (outputs["mask"], truth_bhw))
        flux_b, true_b = (of.double().sum(dim=(1, 2)) for of in (outputs["flux"], batch.targets["flux"]))
        return {
            "log_score": found["log_score"], "accuracy": found["accuracy"],
            "number": expected_b / there_b.clamp_min(1), "flux": flux_b / true_b.clamp_min(1),
        }  # fmt: skip

    return scores
