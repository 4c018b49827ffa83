"""Can what is stated be believed? Coverage, ranks and slopes over the whole prior, on images drawn for this alone.

    part = calibration(about, test_answers)

An interval of 68 % must hold the truth in 68 % of all images drawn from the prior, and the rank of the truth among the
stated quantiles must be uniform (Cook, Gelman & Rubin 2006; Talts et al. 2018): over all of them, and in slices of the
SNR that the model itself finds. Slices of the true SNR would be no test: selecting by what a model cannot know bends
the ranks of an exact posterior, too. The intervals of all cells hold together.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from components.evidence.intervals import Array, difference, share, too_few
from components.evidence.numbers import plots
from components.evidence.numbers.accuracy_needed import accuracy_needed
from components.evidence.numbers.answers import LIKELIHOOD, POSTERIOR, Answers, joined
from components.evidence.numbers.over_prior import score_metrics
from components.evidence.numbers.parts import Gathering, Part
from components.evidence.numbers.scores import RANKS
from components.fields import Metric, fresh_images, fresh_seed, no_metric

__label__ = "calibration"

FRESH = "fresh"
WORST = "worst"
_SEEN = "seen"
_PERCENTS = (68, 95)
_MOST_WEIGHT = 10
"""Times the median image's, in a slope: a few that state next to no error may not decide it."""
_TOGETHER = 0.95
"""Probability that all intervals of a kind hold."""


def calibration(about: Gathering, tested: Answers) -> Part:
    """What fresh images say of the model.

    Args:
        about: the model and what it is measured on.
        tested: its answers to the test split, which it must score as it does fresh images.
    """
    truths = about.problem.truths
    answers = ask_fresh(about)
    slices = seen_slices(about, answers)
    metrics = {
        **score_metrics(about, answers, FRESH),
        **coverage_metrics(answers, slices, truths),
        **slope_metrics(answers, truths),
        **false_alarms(answers, slices),
        **accuracy_needed(answers, slices, truths),
        f"{POSTERIOR}.log_score.test_less_fresh": difference(tested.log_score, answers.log_score),
    }
    ranks = rank_table(answers, slices, truths)
    metrics |= rank_metrics(ranks)
    return Part(
        metrics=metrics,
        tables={"ranks": ranks},
        plots={"calibration": plots.plot_calibration(ranks, metrics, list(slices), truths)},
    )


def ask_fresh(about: Gathering) -> Answers:
    """The model's answers to images that it cannot have seen, drawn shard by shard."""
    parts = []
    seed = fresh_seed(about.settings.seed, "calibration")
    for images in fresh_images(about.problem, about.whole, seed=seed, count=about.settings.fresh_images):
        parts.append(about.ask_split(about.at(images).split("confirmation")))
    return joined(parts)


def seen_slices(about: Gathering, answers: Answers) -> dict[str, np.ndarray[Any, Any]]:
    """Rows of all images, and of each slice of the SNR that the model finds; the outer ones have no outer end."""
    chosen = {FRESH: np.ones(len(answers.truth), dtype=bool)}
    edges = sorted({edge for column, *ends in about.problem.slices().values() if column == "snr" for edge in ends})
    if len(edges) < 3 or not np.isfinite(answers.snr).all():
        return chosen
    inner = np.digitize(answers.snr, edges[1:-1])
    names = [f"{_SEEN}_snr{low:g}_{high:g}" for low, high in pairwise(edges)]
    return {**chosen, **{name: inner == number for number, name in enumerate(names)}}


def coverage_metrics(
    answers: Answers, slices: Mapping[str, np.ndarray[Any, Any]], truths: Sequence[str]
) -> dict[str, Metric]:
    """`posterior.coverage68.<slice>.<truth>`, `…95…`, and of each percentage `worst`: the cell that is farthest off."""
    confidence = 1 - (1 - _TOGETHER) / (len(truths) * len(slices))
    metrics: dict[str, Metric] = {}
    for percent in _PERCENTS:
        cells: dict[str, Metric] = {}
        for name, rows in slices.items():
            covered = getattr(answers.of(rows), f"covered{percent}")
            for i, truth in enumerate(truths):
                cells[f"{name}.{truth}"] = too_few(name, len(covered)) or share(covered[:, i], confidence)
        metrics |= {f"{POSTERIOR}.coverage{percent}.{cell}": metric for cell, metric in cells.items()}
        metrics[f"{POSTERIOR}.coverage{percent}.{WORST}"] = worst(cells, percent / 100)
    return metrics


def false_alarms(answers: Answers, slices: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Metric]:
    """`false_alarms.<slice>`: share of ordinary images that are said to depart; the intervals hold together."""
    if not np.isfinite(answers.p_value).all():  # nothing can be drawn
        return {}
    confidence = 1 - (1 - _TOGETHER) / len(slices)
    departs = {name: answers.of(rows).departs.astype(np.float64) for name, rows in slices.items()}
    return {f"false_alarms.{name}": too_few(name, len(of)) or share(of, confidence) for name, of in departs.items()}


def worst(cells: Mapping[str, Metric], wanted: float) -> Metric:
    """The cell whose interval reaches farthest from what is wanted; one without a number is worse than any."""
    for metric in cells.values():
        if metric.missing:
            return metric
    return max(cells.values(), key=lambda metric: max(abs(metric.low - wanted), abs(metric.high - wanted)))


def rank_table(answers: Answers, slices: Mapping[str, np.ndarray[Any, Any]], truths: Sequence[str]) -> pd.DataFrame:
    """How often each rank occurred: one row a slice, truth and rank, with the count that uniform ranks would have."""
    rows = []
    for name, chosen in slices.items():
        here = answers.rank[chosen]
        for i, truth in enumerate(truths):
            counts = np.bincount(here[:, i].astype(int), minlength=RANKS)
            said = {"slice": name, "truth": truth, "expected": len(here) / RANKS}
            rows += [{**said, "rank": rank, "count": int(count)} for rank, count in enumerate(counts)]
    return pd.DataFrame(rows)


def rank_metrics(ranks: pd.DataFrame) -> dict[str, Metric]:
    """`posterior.ranks.<slice>.<truth>`: how far the ranks' distribution is from the uniform one at most, and `worst`.

    The interval is that of Dvoretzky, Kiefer & Wolfowitz with Massart's constant (1990), for all cells together.
    """
    tail = (1 - _TOGETHER) / ranks.groupby(["slice", "truth"]).ngroups
    cells: dict[str, Metric] = {}
    for (name, truth), here in ranks.groupby(["slice", "truth"], sort=False):
        count = int(here["count"].sum())
        thin = too_few(str(name), count)
        if thin:
            cells[f"{name}.{truth}"] = thin
            continue
        found = here.sort_values("rank")["count"].cumsum().to_numpy() / count
        away = float(np.abs(found - np.arange(1, RANKS + 1) / RANKS).max())
        reach = float(np.sqrt(np.log(2 / tail) / (2 * count)))
        cells[f"{name}.{truth}"] = Metric(value=away, low=max(0.0, away - reach), high=min(1.0, away + reach))
    metrics = {f"{POSTERIOR}.ranks.{cell}": metric for cell, metric in cells.items()}
    return {**metrics, f"{POSTERIOR}.ranks.{WORST}": worst(cells, 0.0)}


def slope_metrics(answers: Answers, truths: Sequence[str]) -> dict[str, Metric]:
    """`<answer>.slope.<truth>`: 1 where values are neither stretched nor shrunk (1 + m of a shear's calibration).

    An unbiased value rises with the truth as fast as the truth itself: the likelihood's slope is that of value on
    truth. A posterior mean is shrunk, and rightly: the truth rises with it as fast as itself, and so its slope is that
    of truth on value. Images count by what they know, within reason: by 1 / bound², and by 1 / stated error².
    """
    metrics = {}
    for i, truth in enumerate(truths):
        true = answers.truth[:, i]
        for name in answers.names:
            value, error = answers.value(name)[:, i], answers.error(name)[:, i]
            pair = (true, value, answers.bound[:, i]) if name == LIKELIHOOD else (value, true, error)
            metrics[f"{name}.slope.{truth}"] = _slope(*pair)
    return metrics


def _slope(along: Array, of: Array, width: Array) -> Metric:
    weight = 1 / width**2
    weight = np.minimum(weight, _MOST_WEIGHT * np.median(weight))
    if not all(np.isfinite(part).all() for part in (along, of, weight)) or np.ptp(along) == 0:
        return no_metric("values that are not finite, or all the same, have no slope")
    away = along - np.average(along, weights=weight)
    over = np.sum(weight * away**2)
    slope = float(np.sum(weight * away * of) / over)
    rest = of - np.average(of, weights=weight) - slope * away
    # White's (1980) error, which needs no equal variances.
    reach = stats.norm.ppf((1 + _TOGETHER) / 2) * float(np.sqrt(np.sum((weight * away * rest) ** 2)) / over)
    return Metric(value=slope, low=slope - reach, high=slope + reach)
