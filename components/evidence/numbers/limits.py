"""Where a model can be trusted, and how well it knows: failure maps, the trusted region, and the in-domain test.

threshold = in_domain_threshold(about)
part, region = limits(about, threshold)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from components.evidence.input_region import input_region
from components.evidence.intervals import share
from components.evidence.numbers import limit_plots
from components.evidence.numbers.answers import Answers
from components.evidence.numbers.failure_maps import measure_failures
from components.evidence.numbers.parts import Gathering, Part
from components.evidence.numbers.trusted_region import trusted_region
from models.estimators.numbers import doubts

__label__ = "limits"

_FALSE_ALARMS = 0.01
"""Share of images like the training's that the in-domain test refuses."""


def in_domain_threshold(about: Gathering) -> float:
    """The misfit that one in a hundred of ordinary images exceeds; NaN where nothing can be drawn."""
    return float(np.quantile(about.ask_split(about.split("validation")).misfit, 1 - _FALSE_ALARMS))


def limits(about: Gathering, threshold: float) -> tuple[Part, dict[str, Any]]:
    """Failure maps, and the region in which the model can be trusted; without maps that is where images were."""
    problem, settings = about.problem, about.settings
    axes = problem.failure_axes(about.simulation, settings.failure_images, settings.seed)
    if not axes:
        region: dict[str, Any] = {"conditions": {}, "misfit": threshold, "axes": {}}
        if not np.isfinite(threshold):  # nothing can be drawn, so that images are known by how loud they are
            region["misfit"] = None
        noise = problem.estimator_config(about.whole)["noise"]
        region |= input_region(problem, about.dataset, about.whole, noise=noise, device=about.device)
        return Part(), region
    table, metrics = measure_failures(about, axes, threshold=threshold)
    region = trusted_region(
        table, settings, threshold=threshold, conditions={name: name for name in problem.conditions}, snr="snr"
    )
    figures = {
        f"failure-{axis.name.replace('_', '-')}": limit_plots.plot_failures(
            table[table["axis"] == axis.name], region["axes"][axis.name], problem.truths
        )
        for axis in axes
    }
    return Part(metrics=metrics, tables={"failures": table}, plots=figures), region


def false_alarms(answers: Answers, threshold: float) -> Part:
    """How often the in-domain test is wrong about the test split."""
    if not np.isfinite(threshold):
        return Part()
    return Part(metrics={"false_alarms.test": share((answers.misfit > threshold).astype(np.float64))})


def share_trusted(about: Gathering, answers: Answers, region: Mapping[str, Any]) -> Part:
    """How much of the test split is trusted, by what a service can check of one image: a region may be empty."""
    if "inputs" in region:  # known by how loud images are, which the region was made of
        return Part()
    inputs = about.split("test").first(len(answers.snr))
    names = about.problem.conditions
    drawn = ([None if np.isnan(value) else value for value in of.tolist()] for of in (answers.misfit, answers.snr))
    rows = zip(*(inputs[name].tolist() for name in names), *drawn, strict=True)
    trusted = [
        not doubts(region, dict(zip(names, row, strict=True)), misfit=misfit, snr=snr) and converged != 0
        for (*row, misfit, snr), converged in zip(rows, answers.converged.tolist(), strict=True)
    ]
    return Part(metrics={"trusted.share": share(np.array(trusted, dtype=np.float64))})
