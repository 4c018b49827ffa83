"""Images without a known truth: does the model say the same under two realisations of the noise?

    table = consistency_table(about, stored)

That holds for a model that is wrong twice in the same way, too: `independent.py` asks others.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from components.core import EvaluateSettings
from components.evidence.intervals import interval, rms, share
from components.evidence.numbers.parts import Gathering
from components.fields import Metric, fresh_seed

__label__ = "consistency"

ANSWERED = fresh_seed("real objects", "answered")
"""Of the noise that the model's answer is to."""
_AGAIN = fresh_seed("real objects", "answered again")


def consistency_table(about: Gathering, stored: Mapping[str, np.ndarray[Any, Any]]) -> pd.DataFrame:
    """Answer every image under two realisations of the noise.

    Args:
        about: the model and its problem.
        stored: the images' stored fields.

    Returns:
        One row an image, answer and parameter: `value`, `error` and `again` (the other realisation's value), `pull`
        (of the two, in units of their joint error), `p_value`, and `flagged`.
    """
    truths = about.problem.truths
    count = len(next(iter(stored.values())))
    unknown = np.full((count, len(truths)), np.nan)
    first, second = (
        about.ask(about.observe(stored, seed), truth=unknown, bound=unknown) for seed in (ANSWERED, _AGAIN)
    )
    rows = [
        {
            "image": image,
            "answer": name,
            "truth": truth,
            "value": first.value(name)[image, i],
            "error": first.error(name)[image, i],
            "again": second.value(name)[image, i],
            "pull": (first.value(name)[image, i] - second.value(name)[image, i])
            / np.hypot(first.error(name)[image, i], second.error(name)[image, i]),
            "p_value": first.p_value[image],
            "flagged": bool(first.departs[image]),
        }
        for image in range(count)
        for name in first.names
        for i, truth in enumerate(truths)
    ]
    return pd.DataFrame(rows)


def consistency_metrics(table: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Metric]:
    """`<answer>.pull.real.<truth>` (RMS over images that are not flagged), and `flagged.real`."""
    metrics = {}
    for (name, truth), rows in table[~table["flagged"]].groupby(["answer", "truth"], sort=False):
        pulls = rows["pull"].to_numpy(dtype=np.float64)
        metrics[f"{name}.pull.real.{truth}"] = interval(pulls, rms, settings.bootstrap, settings.seed)
    flagged = table.groupby("image")["flagged"].first().to_numpy(dtype=np.float64)
    metrics["flagged.real"] = share(flagged)
    return metrics
