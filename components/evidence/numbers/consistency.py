"""Images without a known truth: do two realisations of the noise agree, and does the model agree with a direct fit?

table = consistency_table(predict, stamps, conditions, observe, fit, truths, threshold=2.4, seed=7)
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from components.core import EvaluateSettings
from components.evidence.numbers.answers import ask
from components.evidence.numbers.errors_over_bound import Array, interval, rms
from components.evidence.numbers.failure_maps import Observe
from components.fields import Metric

if TYPE_CHECKING:
    from components.fields import Predict

__label__ = "consistency"


def consistency_table(
    predict: "Predict",
    stamps: np.ndarray[Any, Any],
    conditions: Array,
    observe: Observe,
    fit: Callable[[np.ndarray[Any, Any], Array], Array],
    truths: Sequence[str],
    *,
    threshold: float,
    seed: int,
) -> pd.DataFrame:
    """Answer every image under two realisations of the noise, and fit the first.

    Args:
        predict: the model.
        stamps: without noise, shape (images, height, width).
        conditions: of each image.
        observe: adds the noise.
        fit: from images and conditions to values, without any network.
        truths: names of the parameters.
        threshold: misfit above which an image is flagged.
        seed: of the noise.

    Returns:
        One row an image and parameter: `value`, `error` and `again` (the other realisation's value), `fit`, `pull` (of
        the two realisations, in units of their joint error), `fit_pull` (value less fit, in units of the error),
        `misfit`, and `flagged`.
    """
    generator = torch.Generator().manual_seed(seed)
    stamp_bhw = torch.from_numpy(stamps)
    conditions_bc = torch.from_numpy(np.asarray(conditions, dtype=np.float32))
    unknown = np.full((len(stamps), len(truths)), np.nan)
    seen = [observe(stamp_bhw, conditions_bc, generator) for _ in range(2)]
    first, second = (ask(predict, [(image, conditions_bc)], truth=unknown, bound=unknown) for image in seen)
    fitted = fit(seen[0].numpy(), conditions)
    rows = [
        {
            "image": image,
            "truth": truth,
            "value": first.value[image, i],
            "error": first.error[image, i],
            "again": second.value[image, i],
            "fit": fitted[image, i],
            "pull": (first.value[image, i] - second.value[image, i])
            / np.hypot(first.error[image, i], second.error[image, i]),
            "fit_pull": (first.value[image, i] - fitted[image, i]) / first.error[image, i],
            "misfit": first.misfit[image],
            "flagged": bool(first.misfit[image] > threshold),
        }
        for image in range(len(stamps))
        for i, truth in enumerate(truths)
    ]
    return pd.DataFrame(rows)


def consistency_metrics(table: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Metric]:
    """`real.pull.<truth>` and `real.fit_pull.<truth>` (RMS over images that are not flagged), and `real.flagged`."""
    metrics = {}
    for truth, rows in table[~table["flagged"]].groupby("truth", sort=False):
        for column in ("pull", "fit_pull"):
            metrics[f"real.{column}.{truth}"] = interval(
                rows[column].to_numpy(dtype=np.float64), rms, settings.bootstrap, settings.seed
            )
    flagged = table.groupby("image")["flagged"].first().to_numpy(dtype=np.float64)
    metrics["real.flagged"] = interval(flagged, np.mean, settings.bootstrap, settings.seed)
    return metrics
