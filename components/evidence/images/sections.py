"""What a person reads of a model that restores images: the table of a run, and the parts of the model card."""

from collections.abc import Mapping

import pandas as pd

from components.fields import Metric, Report, Section

__label__ = None

_COLUMNS = {
    "rmse_over_bound": "RMSE / bound",
    "rmse_over_noise": "RMSE / noise",
    "bias_over_noise": "bias / noise",
    "coverage68": "stated error holds",
}


def report(metrics: Mapping[str, Metric], slice_of: "pd.Series[str]") -> Report:
    """One row for the test split and each slice with enough images.

    Args:
        metrics: of the evaluation, `<quantity>.<slice>`.
        slice_of: the slice of each test image.
    """
    quantities = [quantity for quantity in _COLUMNS if f"{quantity}.test" in metrics]
    count = {"test": len(slice_of), **slice_of.value_counts()}
    names = [name.partition(".")[2] for name in metrics if name.startswith("rmse_over_noise.")]
    rows = [(name, str(count.get(name, 0)), *(metrics[f"{quantity}.{name}"].said(".3f") for quantity in quantities))
            for name in names]  # fmt: skip
    columns = ("images of", "count", *(_COLUMNS[quantity] for quantity in quantities))
    return Report(title="over the test split", columns=columns, rows=tuple(rows))


def sections(report: Report) -> tuple[Section, ...]:
    """The parts of the card."""
    return (
        Section(
            title="Over the test split",
            text="Root mean square error and bias of a pixel, in units of each image's noise, with 95 % intervals.",
            tables=(report,),
            pictures=(("examples", "The first test images; difference and stated error in units of the noise."),),
        ),
        Section(
            title="Can its errors be believed?",
            text="The error that a model states for a pixel must hold 68 % of the differences from the truth.",
            pictures=(("stated-error", "Root mean square error of each image against the one that the model states."),),
        ),
    )
