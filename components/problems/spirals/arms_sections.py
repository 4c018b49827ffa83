"""What a person reads of a model that finds spiral arms: the table of a run, and the parts of the card."""

from collections.abc import Mapping

from components.evidence import Figures, axis_captions
from components.fields import Metric, Report, Section

__label__ = None

MEANS = ("dice", "iou", "precision", "recall")
"""Scores of a mask, in the order in which they are shown."""


def report(metrics: Mapping[str, Metric]) -> Report:
    """One row for the test split and each slice: means of the scores of masks."""
    names = [name.removeprefix("dice.") for name in metrics if name.startswith("dice.")]
    rows = tuple((name, *(metrics[f"{of}.{name}"].said(".3f") for of in MEANS)) for name in names)
    return Report(title="over the test split", columns=("images of", "Dice", "IoU", "precision", "recall"), rows=rows)


def split(report: Report, metrics: Mapping[str, Metric]) -> Section:
    """How masks, probabilities and flux ratios are, over the test split."""
    return Section(
        title="Over the test split",
        text="Of the pixels from the threshold on, which each answer states and which makes its expected Dice largest, "
        "with 95 % intervals. The light of arms over all other light is off by "
        f"{metrics['ratio_error.test'].said('.1%')} (median), and its stated error holds "
        f"{metrics['ratio_coverage68.test'].said('.1%')} of the truths. Probability and share of pixels differ by "
        f"{metrics['calibration_error.test'].said('.4f')} in the mean.",
        tables=(report,),
        pictures=(
            ("examples", "The first test images, the true mask's outline white, the answer's black and dashed."),
            ("reliability", "Share of pixels that belong to arms, by the probability answered."),
        ),
    )


def over_best(metrics: Mapping[str, Metric]) -> Section:
    """Against the best there is, in the reference regime."""
    said = metrics["dice_over_best"].said(".3f") if "dice_over_best" in metrics else "not measured"
    return Section(
        title="Over the best possible Dice",
        text="Galaxies of which all is known but their arms, of which there are a thousand: the probability of each is "
        f"computed, and of all masks the one with the largest expected Dice taken. The model's over that: {said}.",
        pictures=(("reference", "Mean Dice, and the best possible."),),
    )


def fails(metrics: Mapping[str, Metric], figures: Figures) -> Section:
    """Failure maps, of which there is a figure each."""
    return Section(
        title="Where it fails",
        text="Noise, blur, stretch, inclination and neighbours; grey: what the training had. "
        f"{metrics['false_alarms.test'].said('.1%')} of test pictures are doubted.",
        pictures=axis_captions(figures),
    )


def real(metrics: Mapping[str, Metric]) -> Section:
    """Real pictures, if any were named."""
    rows = tuple((name, metric.said(".3f")) for name, metric in metrics.items() if name.startswith("real."))
    return Section(
        title="Real pictures",
        text="Which no model learned from. The disk without its nucleus is a ring around the middle of every picture.",
        tables=(Report(title="Dice", columns=("of what", "mean"), rows=rows),),
    )
