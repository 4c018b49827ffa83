"""Where a model was tested and found reliable: failure maps, the range that they span, and how much lies within it.

part, region = limits(about)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from components.evidence.axis_plots import axis_picture
from components.evidence.input_region import input_region
from components.evidence.intervals import share
from components.evidence.numbers import limit_plots
from components.evidence.numbers.answers import Answers
from components.evidence.numbers.failure_maps import measure_failures
from components.evidence.numbers.parts import Gathering, Part
from components.evidence.numbers.reliable_range import reliable_range
from models.estimators.numbers import range_doubts

__label__ = "limits"


def limits(about: Gathering) -> tuple[Part, dict[str, Any]]:
    """Failure maps, and the region in which the model was found reliable; without maps that is where images were."""
    problem, settings = about.problem, about.settings
    axes = problem.failure_axes(about.simulation, settings.failure_images, settings.seed)
    if not axes:
        # Images are known by how loud they are.
        noise = problem.estimator_config(about.whole)["noise"] or 1.0
        inputs = input_region(problem, about.dataset, about.whole, noise=noise, device=about.device)
        return Part(), {"conditions": {}, "axes": {}, **inputs}
    table, metrics = measure_failures(about, axes)
    region = reliable_range(table, settings, conditions={name: name for name in problem.conditions}, snr="snr")
    figures = {
        axis_picture(axis.name): limit_plots.plot_failures(
            table[table["axis"] == axis.name], region["axes"][axis.name], problem.truths, problem.yardstick
        )
        for axis in axes
    }
    return Part(metrics=metrics, tables={"failures": table}, plots=figures), region


def share_tested(about: Gathering, answers: Answers, region: Mapping[str, Any]) -> Part:
    """How much of the test split is within the range: by conditions and SNR, which a service checks of each image."""
    if "inputs" in region:  # known by how loud images are, which the region was made of
        return Part()
    inputs = about.split("test").first(len(answers.snr))
    values = {name: inputs[name] for name in about.problem.conditions} | {"snr": torch.from_numpy(answers.snr)}
    ranges = {**region["conditions"], **{name: region[name] for name in ("snr",) if name in region}}
    outside = range_doubts(ranges, values)
    within = np.array([not lines for lines in outside])
    tested = within & ~answers.departs & (answers.converged != 0)
    return Part(metrics={"tested.share": share(tested.astype(np.float64))})
