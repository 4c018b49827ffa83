"""A model's probabilities beside the exact posterior's, a detector's that knows more, and those without a network.

    metrics = over_limit(about, found, cache) | baseline_metrics(about)

`<score>.<mask>_over_limit` is a ratio on the same skies, of `log_score` a difference in nats a pixel;
`<score>.<mask>.limit` the exact posterior's own score, `….informed` that of a detector which knows the background and
all other sources, and `….location`, `….counts`, `….filter` those of `baselines.py`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evidence import Array, Measuring
from components.evidence.masks import POOLED, mask_metrics, pixel_scores
from components.fields import Batch, Metric, no_metric
from components.problems.point_sources.baselines import NAMES, Baselines
from components.problems.point_sources.posterior import INFORMED, LIMIT, sky_posteriors
from components.problems.point_sources.truths import MASKS, true_masks

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "point_sources_compared"

COMPARED = ("accuracy", "ap", "f1", "auc", "auc_pooled", "log_score")
_NATS = "log_score"
"""The score that is compared by a difference."""
_LEAST_SKIES = 2


def all_scores(outputs: "Mapping[str, Tensor]", truths: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """`<score>.<mask>` of each image; arguments by output."""
    return {
        f"{score}.{mask}": of
        for name, mask in MASKS.items()
        for score, of in pixel_scores(outputs[name], truths[name]).items()
    }


def of_mask(found: Mapping[str, Array], mask: str) -> dict[str, Array]:
    """Scores of one mask, by their own names."""
    return {name.removesuffix(f".{mask}"): of for name, of in found.items() if name.endswith(f".{mask}")}


def over_limit(about: Measuring, found: Mapping[str, Array], cache: Path) -> dict[str, Metric]:
    """The model on the first test skies over the exact posterior, and that by itself.

    Args:
        about: the model.
        found: its scores on the test split, `<score>.<mask>`.
        cache: folder where posteriors are kept.
    """
    import torch

    settings: Any = about.settings
    rows = about.rows[: settings.evaluate.reference_images]
    if len(rows) < _LEAST_SKIES:
        said = no_metric(f"the exact posterior is known of {len(rows)} skies, and {_LEAST_SKIES} are needed")
        names = [f"{score}.{mask}" for score in COMPARED for mask in MASKS.values()]
        return {f"{name}{end}": said for name in names for end in ("_over_limit", f".{LIMIT}", f".{INFORMED}")}
    batches = list(about.batches(rows))
    count_bhw = torch.cat([batch.inputs["image"] for batch in batches]).cpu().double().numpy()
    truths = true_masks(torch.cat([batch.targets["flux"] for batch in batches]).cpu(), settings.train)
    exact = sky_posteriors(count_bhw, settings, cache=cache)
    metrics: dict[str, Metric] = {}
    for who in (LIMIT, INFORMED):
        maps = {name: torch.from_numpy(exact[f"{who}.{name}"]) for name in MASKS}
        known = {name: of.numpy() for name, of in all_scores(maps, truths).items()}
        metrics |= _named(about, known, who)
        if who == LIMIT:
            for mask in MASKS.values():
                ours = {name: of[: len(rows)] for name, of in of_mask(found, mask).items()}
                for score in COMPARED:
                    metrics[f"{score}.{mask}_over_limit"] = _over(about, score, ours, of_mask(known, mask))
    return metrics


def baseline_metrics(about: Measuring) -> dict[str, Metric]:
    """What needs no network, on the test split."""
    settings: Any = about.settings
    problem: Any = about.problem
    baselines = Baselines.learned(problem, about.dataset, settings, device=about.device)

    def numbers(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        return all_scores(outputs, true_masks(batch.targets["flux"], settings.train))

    metrics: dict[str, Metric] = {}
    for name in NAMES:
        baseline = replace(about, answer=baselines.answer(name), progress=lambda count: None)  # noqa: ARG005
        metrics |= _named(about, baseline.measure(numbers), name)
    return metrics


def _named(about: Measuring, found: Mapping[str, Array], who: str) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    for mask in MASKS.values():
        scores = mask_metrics(about, of_mask(found, mask), mask)
        metrics |= {f"{score}.{mask}.{who}": scores[f"{score}.{mask}"] for score in COMPARED}
    return metrics


def _over(about: Measuring, score: str, ours: Mapping[str, Array], limit: Mapping[str, Array]) -> Metric:
    of_images = "histogram" if score in POOLED else score
    both = np.stack([ours[of_images], limit[of_images]], axis=1)
    if score in POOLED:
        return about.metric_of_means(both, lambda mean: POOLED[score](mean[0]) / POOLED[score](mean[1]))
    if score == _NATS:
        return about.metric_of_means(both, lambda mean: float(mean[0] - mean[1]))
    return about.metric_of_means(both, lambda mean: float(mean[0] / mean[1]))
