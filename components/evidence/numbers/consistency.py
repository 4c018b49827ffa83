"""Images without a known truth: do two realisations of the noise agree, and does the model agree with a direct fit?

table = consistency_table(about, stored)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from components.core import EvaluateSettings
from components.evidence.intervals import interval, rms, share
from components.evidence.numbers.parts import Gathering
from components.fields import Metric

__label__ = "consistency"


def consistency_table(about: Gathering, stored: Mapping[str, np.ndarray[Any, Any]]) -> pd.DataFrame:
    """Answer every image under two realisations of the noise, and fit the first.

    Args:
        about: the model and its problem.
        stored: the images' stored fields.

    Returns:
        One row an image, answer and parameter: `value`, `error` and `again` (the other realisation's value), `fit`,
        `pull` (of the two realisations, in units of their joint error), `fit_pull` (value less fit, in units of the
        error), `p_value`, and `flagged`.
    """
    problem, truths = about.problem, about.problem.truths
    count = len(next(iter(stored.values())))
    unknown = np.full((count, len(truths)), np.nan)
    first, second = (
        about.ask(about.observe(stored, realisation), truth=unknown, bound=unknown) for realisation in (0, 1)
    )
    seen = [batch.inputs for batch in about.observe(stored, 0)]
    images = np.concatenate([inputs["image"].cpu().numpy() for inputs in seen])
    conditions = np.stack([stored[name] for name in problem.conditions], axis=1).astype(np.float64)
    fitted = problem.fit_directly(images, conditions, about.simulation)
    rows = [
        {
            "image": image,
            "answer": name,
            "truth": truth,
            "value": first.value(name)[image, i],
            "error": first.error(name)[image, i],
            "again": second.value(name)[image, i],
            "fit": fitted[image, i],
            "pull": (first.value(name)[image, i] - second.value(name)[image, i])
            / np.hypot(first.error(name)[image, i], second.error(name)[image, i]),
            "fit_pull": (first.value(name)[image, i] - fitted[image, i]) / first.error(name)[image, i],
            "p_value": first.p_value[image],
            "flagged": bool(first.departs[image]),
        }
        for image in range(count)
        for name in first.names
        for i, truth in enumerate(truths)
    ]
    return pd.DataFrame(rows)


def consistency_metrics(table: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Metric]:
    """`<answer>.pull.real.<truth>` and `….fit_pull.…` (RMS over images that are not flagged), and `flagged.real`."""
    metrics = {}
    for (name, truth), rows in table[~table["flagged"]].groupby(["answer", "truth"], sort=False):
        for column in ("pull", "fit_pull"):
            metrics[f"{name}.{column}.real.{truth}"] = interval(
                rows[column].to_numpy(dtype=np.float64), rms, settings.bootstrap, settings.seed
            )
    flagged = table.groupby("image")["flagged"].first().to_numpy(dtype=np.float64)
    metrics["flagged.real"] = share(flagged)
    return metrics
