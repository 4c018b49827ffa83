"""Scores of probabilities of pixels: of each image, and of all pixels of many images together.

    found = about.measure(lambda batch, outputs: pixel_scores(outputs["mask"], batch.targets["mask"]))
    metrics = mask_metrics(about, found, "test")            # accuracy.test, auc.test, auc_pooled.test, ap.test, …

What is pooled comes from histograms of the log odds, few numbers an image, so that the bootstrap is over images, which
are independent, and not over pixels. Average precision and F1 are of all pixels; so is the `pooled` area under the
curve, beside which stands its mean over images. Shape suffixes: b batch, h height, w width, k bins.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from components.evidence.intervals import Array
from components.evidence.measuring import Measuring
from components.evidence.reliability import calibration_error, reliability
from components.fields import Metric, no_metric

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "mask_scores"

INSIDE = 0.5
"""Probability from which a pixel counts as part of the mask."""
_BINS, _END = 800, 14.0
"""Of the log odds, equally wide, from −14 to 14: a half is an edge."""
_LEAST = 1e-6
"""Probability that a log score counts at the least."""


def pixel_scores(probability_bhw: "Tensor", truth_bhw: "Tensor") -> "dict[str, Tensor]":
    """Numbers of each image.

    Args:
        probability_bhw: that a pixel belongs to the mask.
        truth_bhw: 1 where it does, else 0.

    Returns:
        `accuracy` at a half, `auc` (NaN where all pixels are alike), `brier`, `log_score` (nats a pixel), (b,) each;
        `histogram` (b, 2, k), counts of false and true pixels, and `reliability` (b, 3, bins).
    """
    import torch

    probability_bn, truth_bn = probability_bhw.flatten(1).double(), truth_bhw.flatten(1).double()
    of_truth_bn = torch.where(truth_bn > INSIDE, probability_bn, 1 - probability_bn)
    found_bn = (probability_bn >= INSIDE) == (truth_bn >= INSIDE)
    histogram_b2k = _histogram(probability_bn, truth_bn)
    false_bk, true_bk = histogram_b2k.unbind(1)
    below_bk = false_bk.cumsum(dim=1) - false_bk / 2
    pairs_b = false_bk.sum(dim=1) * true_bk.sum(dim=1)
    # A probability that is no number is not one below a half: the score must be no number either.
    lost_b = torch.where(probability_bn.isfinite().all(dim=1), 0.0, torch.nan)
    return {
        "accuracy": found_bn.double().mean(dim=1) + lost_b,
        "auc": (below_bk * true_bk).sum(dim=1) / pairs_b + lost_b,
        "brier": (probability_bn - truth_bn).square().mean(dim=1),
        "log_score": -of_truth_bn.clamp_min(_LEAST).log().mean(dim=1),
        "histogram": histogram_b2k + lost_b[:, None, None],
        "reliability": reliability(probability_bn, truth_bn) + lost_b[:, None, None],
    }


def mask_metrics(about: Measuring, found: Mapping[str, Array], name: str) -> dict[str, Metric]:
    """`<score>.<name>` for every score, with intervals over images.

    Args:
        about: how to resample.
        found: of each image, as of `pixel_scores`.
        name: of the mask or the images.
    """
    means = {of: about.metric(found[of], np.mean) for of in ("accuracy", "brier", "log_score")}
    ranked = found["auc"][np.isfinite(found["auc"])]
    means["auc"] = (
        about.metric(ranked, np.mean) if len(ranked) else no_metric("every image has pixels of one kind only")
    )
    pooled = {of: about.metric_of_means(found["histogram"], statistic) for of, statistic in POOLED.items()}
    calibrated = {"calibration_error": about.metric_of_means(found["reliability"], calibration_error)}
    return {f"{of}.{name}": metric for of, metric in {**means, **pooled, **calibrated}.items()}


def pooled_auc(histogram_2k: Array) -> float:
    """Chance that a true pixel has the higher probability than a false one (Mann & Whitney 1947)."""
    false_k, true_k = histogram_2k
    return float(((np.cumsum(false_k) - false_k / 2) * true_k).sum() / (false_k.sum() * true_k.sum()))


def average_precision(histogram_2k: Array) -> float:
    """Mean, over true pixels, of the precision among those that are as likely or more (Manning et al. 2008, § 8.4)."""
    false_k, true_k = histogram_2k[:, ::-1]
    # Of those in a bin half count, as if they came in turn.
    true_above_k, above_k = np.cumsum(true_k) - true_k / 2, np.cumsum(true_k + false_k) - (true_k + false_k) / 2
    return float((true_k * true_above_k / np.maximum(above_k, 1e-12)).sum() / true_k.sum())


def f1_score(histogram_2k: Array) -> float:
    """Harmonic mean of precision and recall of pixels at a half (van Rijsbergen 1979); their Dice coefficient."""
    (_, false_found), (lost, found) = (of.reshape(2, -1).sum(axis=1) for of in histogram_2k)
    return float(2 * found / max(2 * found + lost + false_found, 1e-12))


POOLED: Mapping[str, Callable[[Array], float]] = {
    "auc_pooled": pooled_auc, "ap": average_precision, "f1": f1_score,
}  # fmt: skip


def _histogram(probability_bn: "Tensor", truth_bn: "Tensor") -> "Tensor":
    import torch

    log_odds_bn = torch.logit(probability_bn.nan_to_num(0.5), eps=1e-9)
    bin_bn = ((log_odds_bn + _END) * (_BINS / (2 * _END))).floor().long().clamp(0, _BINS - 1)
    count = len(probability_bn)
    of_image_b1 = torch.arange(count, device=bin_bn.device)[:, None]
    place_bn = (of_image_b1 * 2 + (truth_bn >= INSIDE).long()) * _BINS + bin_bn
    counted = torch.bincount(place_bn.flatten(), minlength=count * 2 * _BINS)
    return counted.view(count, 2, _BINS).double()
