"""Where a model fails: images that leave the training's assumptions behind, one assumption at a time.

    table, metrics = measure_failures(predict, axes, observe, truths, threshold=2.4, settings=settings)

Each axis is a departure of growing size, such as a neighbour that comes nearer; at each value the same galaxies are
measured. The table has bias and RMSE over the bound, coverage, and how often the in-domain test raises its alarm; the
metrics say in one number an axis how large errors are along it.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from components.evidence.numbers.answers import ask
from components.evidence.numbers.errors_over_bound import Array, interval, rms
from components.fields import FailureAxis, Metric

if TYPE_CHECKING:
    from components.core import EvaluateSettings
    from components.fields import Predict

__label__ = "failure_maps"

Observe = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(stamp_bhw, conditions_bc, generator) → image_bhw."""
_BATCH = 64


def measure_failures(
    predict: "Predict",
    axes: Sequence[FailureAxis],
    observe: Observe,
    truths: Sequence[str],
    *,
    threshold: float,
    settings: "EvaluateSettings",
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[pd.DataFrame, dict[str, "Metric"]]:
    """Measure the model along every axis.

    Args:
        predict: the model.
        axes: from the problem.
        observe: adds the noise.
        truths: names of the parameters.
        threshold: misfit above which the in-domain test raises its alarm.
        settings: with the seed of the noise, which is the same at every value.
        progress: told how many images were answered.

    Returns:
        One row an axis, value and truth, with the columns `bias_over_crb`, `bias_error`, `rmse_over_crb`, `coverage68`,
        `alarm` (share of images), `trained` (whether the training had that value) and `images`; and
        `failure_error.<axis>`, the typical error along an axis in bounds.
    """
    rows, metrics = [], {}
    for axis in axes:
        losses = []
        for value in axis.values:
            images = axis.draw(value)
            generator = torch.Generator().manual_seed(settings.seed)
            batches = (
                (observe(stamp_bhw, conditions_bc, generator), conditions_bc)
                for stamp_bhw, conditions_bc in zip(
                    torch.split(torch.from_numpy(images.stamps), _BATCH),
                    torch.split(torch.from_numpy(images.conditions.astype(np.float32)), _BATCH),
                    strict=True,
                )
            )
            answers = ask(predict, batches, truth=images.truth, bound=images.bound, progress=progress)
            ratio = (answers.value - answers.truth) / answers.bound
            losses.append(np.abs(ratio).mean(axis=1))
            for i, truth in enumerate(truths):
                rows.append(
                    {
                        "axis": axis.name,
                        "label": axis.label,
                        "value": value,
                        "truth": truth,
                        "bias_over_crb": float(ratio[:, i].mean()),
                        "bias_error": float(ratio[:, i].std() / len(ratio) ** 0.5),
                        "rmse_over_crb": float(rms(ratio[:, i])),
                        "coverage68": float(answers.covered(68)[:, i].mean()),
                        "alarm": float((answers.misfit > threshold).mean()),
                        "trained": axis.trained[0] <= value <= axis.trained[1],
                        "images": len(ratio),
                    }
                )
        metrics[f"failure_error.{axis.name}"] = _typical(np.stack(losses, axis=1), settings)
    return pd.DataFrame(rows), metrics


def _typical(losses: Array, settings: "EvaluateSettings") -> "Metric":
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
