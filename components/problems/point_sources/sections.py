"""What a person reads of a model that looks for point sources: the table of a run, and the parts of the model card."""

from collections.abc import Mapping
from typing import Any

from components.evidence import Figures, axis_captions
from components.fields import Metric, Report, Section
from components.problems.point_sources.baselines import NAMES
from components.problems.point_sources.posterior import INFORMED, LIMIT
from components.problems.point_sources.truths import MASKS

__label__ = None

_SCORES = {
    "accuracy": "accuracy",
    "ap": "average precision",
    "f1": "F1",
    "auc": "AUC, mean over skies",
    "auc_pooled": "AUC, pooled",
    "log_score": "log score [nats a pixel]",
}
_WHO = {
    "": "this model",
    f".{LIMIT}": "exact posterior (the limit)",
    f".{INFORMED}": "a detector that knows background and other sources",
    ".location": "where sources are frequent",
    ".counts": "counts of the pixel",
    ".filter": "matched filter on the mean sky",
}


def report(metrics: Mapping[str, Metric]) -> Report:
    """One row a mask."""
    rows = tuple((mask, *(metrics[f"{score}.{mask}"].said(".4f") for score in _SCORES)) for mask in MASKS.values())
    return Report(title="over the test split", columns=("pixels", *_SCORES.values()), rows=rows)


def sections(report: Report, metrics: Mapping[str, Metric], settings: Any, figures: Figures) -> tuple[Section, ...]:
    """The parts of the card.

    Args:
        report: as of `report`.
        metrics: of the evaluation.
        settings: all of the problem's.
        figures: all, by name.
    """
    train, evaluate = settings.train, settings.evaluate
    beside = tuple(
        Report(
            title=f"{mask}: with and without a network",
            columns=("who", *_SCORES.values()),
            rows=tuple(
                (said, *(metrics[f"{score}.{mask}{who}"].said(".4f") for score in _SCORES))
                for who, said in _WHO.items()
            ),
        )
        for mask in MASKS.values()
    )
    assert {who.removeprefix(".") for who in _WHO if who} == {LIMIT, INFORMED, *NAMES}
    return (
        Section(
            title="Over the test split",
            text=f"Pixels with any source (all), with more than {train.bright_flux:g} counts of them (bright), and the "
            f"{100 * train.brightest_share:g} % with most of them in each sky (brightest); 95 % intervals. Accuracy "
            "and F1 count a pixel from a probability of a half.",
            tables=(report,),
            pictures=(
                (
                    "examples",
                    "The first test skies; circles are listed sources of 90 % or more, larger for more flux.",
                ),
            ),
        ),
        Section(
            title="Beside the limit, and without a network",
            text=f"The exact posterior and the informed detector are of the first {evaluate.reference_images} test "
            "skies, all else of the whole test split. No answer that has the image alone beats the posterior on "
            "average; over it this model has an average precision of "
            f"{metrics['ap.all_over_limit'].said('.4f')} (all pixels) and loses "
            f"{metrics['log_score.all_over_limit'].said('.4f')} nats a pixel.",
            tables=beside,
        ),
        Section(
            title="The list of sources",
            text=f"Of bright pixels {metrics['completeness.bright'].said('.1%')} are found at a probability of a half, "
            f"and {metrics['purity.bright'].said('.1%')} of those found are bright. Stated errors of their flux hold "
            f"{metrics['flux.coverage68'].said('.1%')} of the truths. The model expects "
            f"{metrics['number.bright'].said('.3f')} times as many bright pixels as there are.",
            pictures=(("completeness", "Completeness by true flux, purity by stated flux, with 95 % intervals."),),
        ),
        Section(
            title="Can its probabilities be believed?",
            text="Probability and share of pixels differ by "
            + ", ".join(f"{metrics[f'calibration_error.{mask}'].said('.4f')} ({mask})" for mask in MASKS.values())
            + " in the mean.",
            pictures=(("reliability", "Share of pixels that are sources, by the probability answered."),),
        ),
        Section(
            title="Where it fails",
            text="Skies that depart from the simulator's, one assumption at a time; grey: what the training had. "
            f"Of skies like the training's {metrics['false_alarms.fresh'].said('.2%')} are doubted.",
            pictures=axis_captions(figures),
        ),
    )
