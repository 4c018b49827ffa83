"""Put together the evidence for a model that takes noise off skies.

    evaluation = gather(about, cache=folder)

Each kind of noise by itself on the test split (`scores.py`), over what noise allows (`limits.py`) and beside baselines
without a network; what fresh skies say; failure maps (`departures.py`); speed.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence import Array, Measuring, alarms, difference, plot_axes, share, time_per_image
from components.evidence.denoised import plot_examples, plot_failure
from components.fields import FRESH, Batch, Confirmation, Evaluation, Loss, Metric, fresh_images, fresh_seed
from components.problems.sky_denoising import sections
from components.problems.sky_denoising.baselines import NAMES, Baselines
from components.problems.sky_denoising.departures import measure_departures
from components.problems.sky_denoising.limits import over_limits
from components.problems.sky_denoising.noises import COUNTS, NOISES
from components.problems.sky_denoising.scores import image_scores, kind_metrics, measure_kinds, of_kind

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "sky_denoising_evaluation"

_FLOOR = 1e-6
"""Of a squared error, in the maximum's square: a thousandth of it in a pixel counts as no error."""
_TIMED = 64


def gather(about: Measuring, *, cache: Path) -> Evaluation:
    """All of it.

    Args:
        about: the model and what it is measured on.
        cache: folder for what does not depend on the model.
    """
    found = measure_kinds(about)
    metrics = kind_metrics(about, found) | over_limits(about, found, cache=cache) | baseline_metrics(about)
    metrics |= fresh_metrics(about, found)
    failures, of_failures = measure_departures(about)
    metrics |= of_failures
    examples = {kind: of_kind(about, kind).examples(1) for kind in NOISES}
    timed = about.examples(_TIMED)[0].inputs
    report = sections.report(metrics)
    figures = {
        "examples": plot_examples(examples),
        **plot_axes(failures, plot_failure),
    }
    return Evaluation(
        metrics=metrics,
        timings=time_per_image(about.answer, {name: array.to(about.device) for name, array in timed.items()}),
        headline=(
            *(f"mse.{kind}" for kind in NOISES),
            f"mse.{COUNTS}_over_limit",
            "coverage68.gaussian",
            "flux_bias.gaussian",
            "kind_accuracy.gaussian",
            "false_alarms.fresh",
        ),
        summary=f"mean squared error {metrics['mse.gaussian'].value:.2g} of the maximum's square under Gaussian noise, "
        f"{metrics[f'mse.{COUNTS}_over_limit'].value:.2f} times the least possible of counts",
        losses=losses(found),
        slices=about.slice_of,
        report=report,
        sections=sections.sections(report, metrics, about.settings, figures),
        tables={
            "failures": failures,
            "images": pd.concat([pd.DataFrame(of).assign(noise=kind) for kind, of in found.items()]),
        },
        tested_range={"inputs": {}},  # images come in any unit; how familiar one is says more
        plots=figures,
    )


def confirmed(about: Measuring) -> Confirmation:
    """What the model loses on the confirmation split."""
    return Confirmation(losses=losses(measure_kinds(about)), slices=about.slice_of)


def losses(found: Mapping[str, Mapping[str, Array]]) -> tuple[Loss, ...]:
    """The squared error under each kind of noise."""
    return tuple(Loss(name=f"squared_error.{kind}", values=of["mse"], floor=_FLOOR) for kind, of in found.items())


def baseline_metrics(about: Measuring) -> dict[str, Metric]:
    """`mse.<kind>.<baseline>` of the first test skies."""
    settings: Any = about.settings
    first = about.rows[: settings.evaluate.baseline_images]
    metrics: dict[str, Metric] = {}
    for kind in NOISES:
        here = of_kind(about, kind)
        baselines, batches = Baselines.learned(here), list(here.batches(first))
        for name in NAMES:
            answer = baselines.answer(name)
            lost = [image_scores(batch, answer(batch.inputs))["mse"].cpu().numpy() for batch in batches]
            metrics[f"mse.{kind}.{name}"] = about.metric(np.concatenate(lost), np.mean)
    return metrics


def fresh_metrics(about: Measuring, found: Mapping[str, Mapping[str, Array]]) -> dict[str, Metric]:
    """On skies that no dataset holds: `false_alarms.fresh` over all kinds, and `mse.gaussian.test_less_fresh`."""
    settings: Any = about.settings
    seed = fresh_seed(settings.evaluate.seed, "calibration")

    def numbers(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        return {"alarm": alarms(outputs), "mse": image_scores(batch, outputs)["mse"]}

    alarm, lost = [], []
    for images in fresh_images(about.problem, settings, seed=seed, count=settings.evaluate.fresh_images):
        here = replace(about, dataset=images.dataset, settings=images.settings, split=FRESH)
        alarm.append(here.measure(numbers)["alarm"])
        lost.append(of_kind(here, "gaussian").measure(numbers)["mse"])
    return {
        "false_alarms.fresh": share(np.concatenate(alarm)),
        "mse.gaussian.test_less_fresh": difference(found["gaussian"]["mse"], np.concatenate(lost)),
    }
