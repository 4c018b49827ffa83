"""Where a model fails, for answers that are scored as a whole, such as masks and images: scores along each axis.

    table, metrics = measure_along(about, axes, measured, loss="mse")

`failures.py` says what an axis is. The table has the mean of each score over the same objects at every value, and how
many of their images are doubted; the metrics say in one number an axis how large the loss is along it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from components.evidence.each_axis import each_axis
from components.evidence.failures import FailureAxis, FailureImages, observed
from components.evidence.intervals import Array
from components.evidence.measuring import Measuring
from components.fields import Batch, Metric
from models.estimators import FALSE_ALARMS

if TYPE_CHECKING:
    from torch import Tensor

    from components.evidence.each_axis import Along, Asked

__label__ = "along_axes"

MeasuredOf = Callable[[Batch, "Mapping[str, Tensor]"], "Mapping[str, Tensor]"]
"""From images and the answer to them to numbers of each image, shape (b,)."""
Doubted = Callable[["Mapping[str, Tensor]"], "Tensor"]
"""From an answer to whether each image is doubted, shape (b,)."""

ALARM = "alarm"


def alarms(outputs: "Mapping[str, Tensor]") -> "Tensor":
    """Whether each image is doubted, by what its answer says of how familiar it is: 1, else 0."""
    return (outputs["p_value"] < FALSE_ALARMS).double()


def measure_along(
    about: Measuring, axes: Sequence[FailureAxis], measured: MeasuredOf, *, loss: str, doubted: Doubted = alarms
) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Score the model along every axis, under noise that is the same at every value.

    Args:
        about: the model; its dataset is not read.
        axes: from the problem.
        measured: of one batch.
        loss: the score that is a loss, positive.
        doubted: by which images count as doubted.

    Returns:
        One row an axis and value, with `<score>` and `<score>_error` (of the mean), `alarm` (share of images that are
        doubted), `trained` (whether the training had that value), `images`, and in words `label` (the axis) and `case`
        (the value); and `failure.<loss>.<axis>`, the geometric mean over values of the mean loss.
    """
    rows, metrics = [], {}
    measure = partial(_along, measured, doubted, loss)
    for axis, (of_axis, losses) in zip(axes, each_axis(measure, about, axes, settings=about.settings), strict=True):
        rows += of_axis
        metrics[f"failure.{loss}.{axis.name}"] = _typical(about, losses)
    return pd.DataFrame(rows), metrics


def _along(
    measured: MeasuredOf,
    doubted: Doubted,
    loss: str,
    about: Measuring,
    axis: FailureAxis,
    asked: "Asked[dict[str, Array]]",
) -> "Along[Array]":
    rows, losses = [], []
    for value in axis.values:
        images = axis.draw(value)
        found = asked.get(images)
        if found is None:
            asked[images] = found = _ask(about, images, measured, doubted)
        losses.append(found[loss])
        count = len(found[loss])
        means = {name: float(of.mean()) for name, of in found.items()}
        errors = {f"{name}_error": float(of.std() / count**0.5) for name, of in found.items()}
        rows.append(
            {
                "axis": axis.name, "label": axis.label, "value": value, "case": axis.case(value),
                "trained": axis.trained[0] <= value <= axis.trained[1], "images": count, **means, **errors,
            }
        )  # fmt: skip
    return rows, np.stack(losses, axis=1)


def _ask(about: Measuring, images: FailureImages, measured: MeasuredOf, doubted: Doubted) -> dict[str, Array]:
    parts: list[dict[str, Array]] = []
    batches = observed(
        about.problem, images.stored, about.settings,
        seed=[about.settings.evaluate.seed], device=about.device, delivery=images.delivery,
    )  # fmt: skip
    for batch in batches:
        outputs = about.answer(batch.inputs)
        found = {**measured(batch, outputs), ALARM: doubted(outputs)}
        parts.append({name: of.double().cpu().numpy() for name, of in found.items()})
        about.progress(batch.count)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _typical(about: Measuring, loss_iv: Array) -> Metric:
    """Geometric mean over values of the mean over images, which are resampled.

    Args:
        about: how to resample.
        loss_iv: shape (images, values).
    """

    def typical(chosen: Array, axis: int = -1) -> Any:  # noqa: ARG001
        return np.exp(np.log(loss_iv[chosen.astype(int)].mean(axis=-2)).mean(axis=-1))

    return about.metric(np.arange(len(loss_iv), dtype=np.float64), typical)
