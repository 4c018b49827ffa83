"""Can the reported errors be believed? Coverage of the intervals, and simulation-based calibration.

    metrics = calibration_metrics(answers, truths)

An interval of 68 % must hold the truth in 68 % of all images drawn from the prior, and the rank of the truth among the
reported quantiles must be uniform (Cook, Gelman & Rubin 2006; Talts et al. 2018).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from components.evidence.intervals import share
from components.evidence.numbers.answers import RANKS, Answers
from components.fields import Metric

__label__ = "calibration"


def calibration_metrics(answers: Answers, truths: Sequence[str]) -> dict[str, Metric]:
    """`coverage68.<truth>` and `coverage95.<truth>`, each with its interval."""
    return {
        f"coverage{percent}.{truth}": share(answers.covered(percent)[:, i])
        for percent in (68, 95)
        for i, truth in enumerate(truths)
    }


def rank_table(answers: Answers, truths: Sequence[str]) -> pd.DataFrame:
    """How often each rank occurred: one row a truth and rank, with the count that uniform ranks would have.

    The column `p_value` is that of a χ² test of uniformity over ranks taken by fours.
    """
    rows = []
    for i, truth in enumerate(truths):
        counts = np.bincount(answers.rank[:, i].astype(int), minlength=RANKS)
        p_value = float(stats.chisquare(counts.reshape(-1, 4).sum(axis=1)).pvalue)
        rows += [
            {
                "truth": truth,
                "rank": rank,
                "count": int(count),
                "expected": len(answers.rank) / RANKS,
                "p_value": p_value,
            }
            for rank, count in enumerate(counts)
        ]
    return pd.DataFrame(rows)
