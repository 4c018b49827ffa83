"""What a person reads of a model that takes noise off skies: the table of a run, and the parts of the model card."""

from collections.abc import Mapping
from typing import Any

from components.evidence import Figures, axis_captions
from components.fields import Metric, Report, Section
from components.problems.sky_denoising.baselines import NAMES
from components.problems.sky_denoising.noises import COUNTS, NOISES, SPARING

__label__ = None

_SCORES = {
    "mse": ("MSE [maximum²]", ".2e"),
    "psnr": ("PSNR [dB]", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "flux_bias": ("bias of all light", "+.4f"),
    "coverage68": ("stated error holds", ".3f"),
    "kind_accuracy": ("kind recognised", ".3f"),
}


def report(metrics: Mapping[str, Metric]) -> Report:
    """One row a kind of noise."""
    rows = tuple(
        (kind.replace("_", " and "), *(metrics[f"{score}.{kind}"].said(form) for score, (_, form) in _SCORES.items()))
        for kind in NOISES
    )
    columns = ("noise", *(said for said, _ in _SCORES.values()))
    return Report(title="over the test split, each sky with each noise", columns=columns, rows=rows)


def sections(report: Report, metrics: Mapping[str, Metric], settings: Any, figures: Figures) -> tuple[Section, ...]:
    """The parts of the card.

    Args:
        report: as of `report`.
        metrics: of the evaluation.
        settings: all of the problem's.
        figures: all, by name.
    """
    evaluate = settings.evaluate
    beside = Report(
        title="mean squared error, with and without a network",
        columns=("noise", "this model", "limit", "model / limit", *(name.replace("_", " ") for name in NAMES)),
        rows=tuple(
            (
                kind.replace("_", " and "),
                metrics[f"mse.{kind}"].said(".2e"),
                metrics[f"mse.{kind}.limit"].said(".2e"),
                metrics[f"mse.{kind}_over_limit"].said(".2f"),
                *(metrics[f"mse.{kind}.{name}"].said(".2e") for name in NAMES),
            )
            for kind in NOISES
        ),
    )
    spared = Report(
        title="pixels that the noise has spared, and the others: mean squared error",
        columns=("noise", "spoilt", "spared"),
        rows=tuple(
            (
                kind.replace("_", " and "),
                *(metrics[f"mse_{of}.{kind}"].said(".2e") for of in ("corrupted", "untouched")),
            )
            for kind in SPARING
        ),
    )
    return (
        Section(
            title="Over the test split",
            text=f"Errors in units of the clean image's largest pixel, with 95 % intervals. `{COUNTS}` is no noise but "
            "that of the counts: what was expected of each pixel is wanted then, and the counts themselves otherwise.",
            tables=(report, spared),
            pictures=(("examples", "The first test sky with each noise; differences over the stated error."),),
        ),
        Section(
            title="Beside the limit, and without a network",
            text=f"Under added noise the limit is a floor: the variance of the counts that were lost, for who knows "
            "what was expected of every pixel, as nobody does. Of counts it is the exact posterior mean's error, on "
            f"{evaluate.reference_images} skies that are not turned. Without a network: the image as it is, the mean "
            "image, a Gaussian filter, the best linear map of 100 principal components, and total variation, on the "
            f"first {evaluate.baseline_images} test skies.",
            tables=(beside,),
        ),
        Section(
            title="Where it fails",
            text="Other skies, and noise stronger or weaker than in training; grey: what the training had. "
            f"Of images like the training's {metrics['false_alarms.fresh'].said('.2%')} are doubted.",
            pictures=axis_captions(figures),
        ),
    )
