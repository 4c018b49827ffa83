"""Where a model fails: images that leave the training's assumptions behind, one assumption at a time.

    table, metrics = measure_failures(about, axes)

Each axis is a departure of growing size, such as a neighbour that comes nearer; at each value the same galaxies are
measured. The table has bias and RMSE over the yardstick, coverage, how often the in-domain test raises its alarm, and
how often the best possible test would; the metrics say in one number an axis how large errors are along it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence.each_axis import each_axis
from components.evidence.failures import FailureAxis
from components.evidence.intervals import Array, interval, rms
from components.evidence.numbers.answers import POSTERIOR, Answers
from components.evidence.numbers.parts import Gathering
from components.fields import Metric

if TYPE_CHECKING:
    from components.core import EvaluateSettings
    from components.evidence.each_axis import Along, Asked

__label__ = "failure_maps"


def measure_failures(about: Gathering, axes: Sequence[FailureAxis]) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Measure the model along every axis, under noise that is the same at every value.

    Args:
        about: the model and what it is measured on.
        axes: from the problem.

    Returns:
        One row an axis, value, answer and truth, with the columns `bias`, `rmse` and `coverage68` (of ± the stated
        error for the likelihood), each with its `…_error`, `alarm` (share of images that the in-domain test doubts),
        `limit_power` (share that the best possible test finds, NaN where nothing departs from what a model knows),
        `trained` (whether the training had that value; its range is `trained_from` to `trained_to`), `images`, and in
        words `label` (the axis) and `case` (the value); and `<answer>.failure_error.<axis>`, the typical error along
        an axis in the same.
    """
    rows: list[dict[str, Any]] = []
    metrics: dict[str, Metric] = {}
    for axis, (of_axis, losses) in zip(axes, each_axis(_along, about, axes, settings=about.whole), strict=True):
        rows += of_axis
        for name, loss_iv in losses.items():
            metrics[f"{name}.failure_error.{axis.name}"] = _typical(loss_iv, about.settings)
    return pd.DataFrame(rows), metrics


def _along(about: Gathering, axis: FailureAxis, asked: "Asked[Answers]") -> "Along[dict[str, Array]]":
    """Rows of one axis, and by answer the loss of each image (rows) at each value (columns)."""
    rows: list[dict[str, Any]] = []
    losses: dict[str, list[Array]] = {}
    truths = about.problem.truths
    for value in axis.values:
        images = axis.draw(value)
        truths_bp = np.stack([images.stored[name] for name in truths], axis=1).astype(np.float64)
        answers = asked.get(images)  # noise is the same for all, so that a tenth of the maps is asked for once
        if answers is None:
            assert images.bound is not None
            seen = about.observe(images.stored, delivery=images.delivery)
            asked[images] = answers = about.ask(seen, truth=truths_bp, bound=images.bound)
        of_images = {
            "axis": axis.name,
            "label": axis.label,
            "value": value,
            "case": axis.case(value),
            "alarm": float(answers.departs.mean()),
            "limit_power": float("nan") if images.limit_power is None else float(images.limit_power.mean()),
            "trained": axis.trained[0] <= value <= axis.trained[1],
            "trained_from": axis.trained[0],
            "trained_to": axis.trained[1],
            "images": len(truths_bp),
        }
        for name in answers.names:
            ratio, covered = answers.errors(name).in_bounds, _covered(answers, name)
            losses.setdefault(name, []).append(np.abs(ratio).mean(axis=1))
            rows += [
                {
                    **of_images,
                    "answer": name,
                    "truth": truth,
                    "bias": float(ratio[:, i].mean()),
                    "rmse": float(rms(ratio[:, i])),
                    "coverage68": float(covered[:, i].mean()),
                    **_errors(ratio[:, i], covered[:, i]),
                }
                for i, truth in enumerate(truths)
            ]
    return rows, {name: np.stack(of, axis=1) for name, of in losses.items()}


def _errors(ratio: Array, covered: Array) -> dict[str, float]:
    """Of the mean, the root mean square and the share of independent images: one standard deviation."""
    root = len(ratio) ** 0.5
    return {
        "bias_error": float(ratio.std() / root),
        "rmse_error": float(np.square(ratio).std() / (2 * rms(ratio) * root)),
        "coverage68_error": float(covered.std() / root),
    }


def _covered(answers: Answers, name: str) -> Array:
    """Where an answer's 68 % interval holds the truth: 1, else 0."""
    if name == POSTERIOR:
        return answers.covered68
    held: Array = (np.abs(answers.errors(name).miss) <= answers.error(name)).astype(np.float64)
    return held


def _typical(losses: Array, settings: "EvaluateSettings") -> Metric:
    """Geometric mean, over the values of an axis, of the median loss: neither one value nor one image decides.

    Args:
        losses: shape (images, values).
        settings: of the bootstrap, over images.
    """

    def typical(chosen: Array, axis: int = -1) -> Any:  # noqa: ARG001
        return np.exp(np.log(np.median(losses[chosen.astype(int)], axis=-2)).mean(axis=-1))

    if not np.isfinite(losses).all():
        return Metric(value=float("nan"), low=float("nan"), high=float("nan"))
    return interval(np.arange(len(losses), dtype=np.float64), typical, settings.bootstrap, settings.seed)
