"""Put together the evidence for a model that finds spiral arms.

    evaluation = gather(about)

Dice, intersection over union, precision and recall of the mask that a model would draw; scores of its probabilities;
the arms' share of the light; over the best possible Dice in the reference regime; real pictures; failure maps; speed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from components.evidence import (
    Array,
    Measuring,
    plot_axes,
    reliability_table,
    share,
    time_per_image,
)
from components.evidence.masks import mask_metrics, pixel_scores, plot_examples, plot_pixel_reliability
from components.evidence.over_best import plot_loss_along, plot_over_best
from components.fields import Batch, Confirmation, Evaluation, Loss, Metric
from components.problems.spirals import arms_sections as sections
from components.problems.spirals.arms_sections import MEANS
from components.problems.spirals.departures import doubted, measure_departures
from components.problems.spirals.problem import side_of
from components.problems.spirals.real import masked_pictures
from components.problems.spirals.reference import SNRS, reference_images, with_posterior
from components.simulators.spirals import SpiralSettings, mask_chances, reference_bank
from models.estimators.arms import best_threshold, flux_ratio

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "arms_evidence"

LOSS = "one_minus_dice"
_FLOOR, _BRIER_FLOOR = 1e-3, 1e-6
_EXAMPLES, _TIMED = 3, 64
_NUCLEUS, _DISK = 0.09, 0.35
"""Radii over the side: what stands for a nucleus, and for a disk, where nothing is known of a picture."""


def gather(about: Measuring) -> Evaluation:
    """All of it."""
    settings: Any = about.settings
    found = about.measure(_numbers)
    metrics = dict[str, Metric]()
    for name in MEANS:
        metrics |= about.metrics(name, found[name], np.nanmean)
    metrics |= {
        **mask_metrics(about, found, "test"),
        **about.metrics("ratio_error", found["ratio_error"], np.median),
        "ratio_coverage68.test": share(found["ratio_held"]),
        "false_alarms.test": share(found["alarm"]),
    }
    tables = {
        "masks": pd.DataFrame({"slice": about.slice_of, **{name: found[name] for name in MEANS}}),
        "reliability": reliability_table(found["reliability"]),
    }
    plots = {
        "examples": plot_examples(*about.examples(_EXAMPLES)),
        "reliability": plot_pixel_reliability(tables["reliability"]),
    }
    headline = ["dice.test", "iou.test", "precision.test", "recall.test", "ratio_coverage68.test", "false_alarms.test"]
    report = sections.report(metrics)
    parts = [sections.split(report, metrics)]
    if isinstance(settings.simulate, SpiralSettings):
        headline.insert(1, "dice_over_best")
        tables["reference"], of_reference = over_best(about)
        failures, of_failures = measure_departures(about, _scores, loss=LOSS, spirals_only=True)
        metrics |= of_reference | of_failures
        tables["failures"] = failures
        plots["reference"] = plot_over_best(tables["reference"], "dice", "mean Dice", "best possible")
        plots |= plot_axes(failures, lambda here: plot_loss_along(here, LOSS, "1 less the mean Dice"))
        parts += [sections.over_best(metrics), sections.fails(metrics, plots)]
    if settings.evaluate.real_pictures is not None:
        metrics |= real_metrics(about)
        parts.append(sections.real(metrics))
    timed = about.examples(_TIMED)[0].inputs
    return Evaluation(
        metrics=metrics,
        timings=time_per_image(about.answer, {name: array.to(about.device) for name, array in timed.items()}),
        headline=tuple(headline),
        summary=f"Dice {metrics['dice.test'].value:.3f} on the test split",
        losses=_losses(found),
        slices=about.slice_of,
        report=report,
        sections=tuple(parts),
        tables=tables,
        tested_range={"inputs": {}},  # a model knows by itself what it learned from
        plots=plots,
    )


def confirmed(about: Measuring) -> Confirmation:
    """What the model loses on the confirmation split."""
    return Confirmation(losses=_losses(about.measure(_numbers)), slices=about.slice_of)


def overlap(answered_bhw: "Tensor", true_bhw: "Tensor") -> "dict[str, Tensor]":
    """`dice`, `iou`, `precision` and `recall` of each mask, shape (b,); 1 where both are empty, NaN of nothing.

    Args:
        answered_bhw: whether a pixel was taken for an arm's.
        true_bhw: whether it is one.
    """
    both_b, ours_b, true_b = (of.sum(dim=(1, 2)).double() for of in (answered_bhw & true_bhw, answered_bhw, true_bhw))
    either_b = ours_b + true_b - both_b
    none_b = either_b == 0
    return {
        "dice": torch.where(none_b, 1.0, 2 * both_b / (ours_b + true_b).clamp_min(1)),
        "iou": torch.where(none_b, 1.0, both_b / either_b.clamp_min(1)),
        "precision": torch.where(ours_b > 0, both_b / ours_b.clamp_min(1), torch.nan),
        "recall": torch.where(true_b > 0, both_b / true_b.clamp_min(1), torch.nan),
    }


def over_best(about: Measuring) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """The model's Dice over that of the mask with the largest expected Dice, by the exact posterior.

    Returns:
        A row an SNR, with `dice` and `best`; `dice_over_best` of all SNRs, and `dice_over_best.snr<SNR>` of each.
    """
    settings: Any = about.settings
    bank = reference_bank(size=side_of(settings.simulate), spirals_only=True)
    rows, metrics, everything = [], dict[str, Metric](), []
    for snr in SNRS if settings.evaluate.reference_images else ():
        images = reference_images(bank, settings.evaluate.reference_images, snr, seed=settings.evaluate.seed)
        parts = []
        for batch, chance_bt in with_posterior(about, images, bank, snr):
            true_bhw = batch.targets["mask"] > 0.5
            exact_bhw = torch.from_numpy(mask_chances(bank, chance_bt)).to(true_bhw.device)
            outputs = about.answer(batch.inputs)
            parts.append(
                torch.stack(
                    [
                        overlap(outputs["mask"] >= outputs["threshold"][:, None, None], true_bhw)["dice"],
                        overlap(exact_bhw >= best_threshold(exact_bhw)[:, None, None], true_bhw)["dice"],
                    ],
                    dim=1,
                ).cpu().numpy()
            )  # fmt: skip
        both = np.concatenate(parts)
        everything.append(both)
        metrics[f"dice_over_best.snr{snr}"] = over = about.metric_of_means(both, _ratio)
        dice, best = both.mean(axis=0)
        rows.append({"snr": snr, "dice": dice, "best": best, "low": over.low, "high": over.high})
    if rows:
        metrics["dice_over_best"] = about.metric_of_means(np.concatenate(everything), _ratio)
    return pd.DataFrame(rows), metrics


def real_metrics(about: Measuring) -> dict[str, Metric]:
    """Of real pictures with masks.

    Returns:
        `real.dice`; `real.dice_disk`, that of a disk without its nucleus; `real.dice_over_disk`, the difference; and
        where another model's answers are known, at the threshold that is best for them, `real.dice_published` and
        `real.dice_over_published`.
    """
    settings: Any = about.settings
    pictures = masked_pictures(Path(settings.evaluate.real_pictures), size=side_of(settings.simulate))
    true_bhw = torch.from_numpy(pictures.mask_bhw) > 0.5
    with torch.inference_mode():
        outputs = about.answer({"image": torch.from_numpy(pictures.image_bhw).to(about.device)})
    ours_bhw = (outputs["mask"] >= outputs["threshold"][:, None, None]).cpu()
    ours = overlap(ours_bhw, true_bhw)["dice"].numpy()
    disk = overlap(_disk(true_bhw), true_bhw)["dice"].numpy()
    metrics = {
        "real.dice": about.metric(ours, np.mean),
        "real.dice_disk": about.metric(disk, np.mean),
        "real.dice_over_disk": about.metric(ours - disk, np.mean),
    }
    if pictures.published_bhw is not None:
        published_bhw = torch.from_numpy(pictures.published_bhw)
        tried = [overlap(published_bhw >= level, true_bhw)["dice"].numpy() for level in np.linspace(0.05, 0.95, 19)]
        theirs = max(tried, key=np.mean)
        metrics["real.dice_published"] = about.metric(theirs, np.mean)
        metrics["real.dice_over_published"] = about.metric(ours - theirs, np.mean)
    return metrics


def _disk(like_bhw: "Tensor") -> "Tensor":
    size = like_bhw.shape[1]
    place = (torch.arange(size) + 0.5) / size - 0.5
    radius_hw = torch.hypot(place[:, None], place)
    return ((radius_hw > _NUCLEUS) & (radius_hw < _DISK)).expand_as(like_bhw)


def _losses(found: dict[str, Array]) -> tuple[Loss, ...]:
    return (
        Loss(name=LOSS, values=found[LOSS], floor=_FLOOR),
        Loss(name="brier", values=found["brier"], floor=_BRIER_FLOOR),
    )


def _numbers(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Of each image."""
    true_bhw = batch.targets["mask"] > 0.5
    found = overlap(outputs["mask"] >= outputs["threshold"][:, None, None], true_bhw)
    ratio_b = flux_ratio(batch.inputs["image"], batch.targets["mask"])
    miss_b = (outputs["arm_flux_ratio"] - ratio_b).abs()
    return {
        **found,
        LOSS: 1 - found["dice"],
        **pixel_scores(outputs["mask"].double(), batch.targets["mask"].double()),
        "ratio_error": miss_b / ratio_b.clamp_min(1e-3),
        "ratio_held": (miss_b <= outputs["arm_flux_ratio_error"]).double(),
        "alarm": doubted(outputs),
    }


def _scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    dice_b = overlap(outputs["mask"] >= outputs["threshold"][:, None, None], batch.targets["mask"] > 0.5)["dice"]
    return {LOSS: 1 - dice_b}


def _ratio(mean_2: Array) -> float:
    return float(mean_2[0] / mean_2[1])
