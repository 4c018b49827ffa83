"""What a person reads of a model that finds masks: the table of a run, and the parts of the model card."""

from collections.abc import Mapping

import pandas as pd

from components.fields import Metric, Report, Section

__label__ = None

_COLUMNS = {"dice": "Dice", "brier": "Brier"}


def report(metrics: Mapping[str, Metric], slice_of: "pd.Series[str]") -> Report:
    """One row for the test split and each slice with enough images.

    Args:
        metrics: of the evaluation, `<quantity>.<slice>`.
        slice_of: the slice of each test image.
    """
    count = {"test": len(slice_of), **slice_of.value_counts()}
    names = [name.partition(".")[2] for name in metrics if name.startswith("dice.")]
    rows = [(name, str(count.get(name, 0)), *(metrics[f"{quantity}.{name}"].said(".4f") for quantity in _COLUMNS))
            for name in names]  # fmt: skip
    return Report(title="over the test split", columns=("images of", "count", *_COLUMNS.values()), rows=tuple(rows))


def sections(report: Report, metrics: Mapping[str, Metric]) -> tuple[Section, ...]:
    """The parts of the card."""
    return (
        Section(
            title="Over the test split",
            text="Dice coefficient of the pixels with a probability of at least one half (1: the very same mask), and "
            "mean squared error of the probability, with 95 % intervals.",
            tables=(report,),
            pictures=(
                ("examples", "The first test images, the true mask's outline white, the answer's black and dashed."),
            ),
        ),
        Section(
            title="Can its probabilities be believed?",
            text="Probability and share of pixels differ by "
            f"{metrics['calibration_error.test'].said('.4f')} in the mean.",
            pictures=(("reliability", "Share of pixels that belong to the mask, by the probability answered."),),
        ),
    )
