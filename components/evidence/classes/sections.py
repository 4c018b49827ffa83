"""What a person reads of a model that tells classes: the table of a run, and the parts of the model card."""

from collections.abc import Mapping

import pandas as pd

from components.fields import Metric, Report, Section

__label__ = None


def report(metrics: Mapping[str, Metric], confusion: pd.DataFrame) -> Report:
    """One row for all images and each class that has any.

    Args:
        metrics: of the evaluation, `accuracy.test` and `accuracy.class.<class>`.
        confusion: as `gathering.confusion_table` makes it.
    """
    count, of_class = confusion.groupby("class")["count"].sum(), "accuracy.class."
    rows = [("all", str(count.sum()), metrics["accuracy.test"].said(".1%"))]
    rows += [
        (name.removeprefix(of_class), str(count[name.removeprefix(of_class)]), metric.said(".1%"))
        for name, metric in metrics.items()
        if name.startswith(of_class)
    ]
    return Report(title="over the test split", columns=("class", "images", "right"), rows=tuple(rows))


def sections(report: Report, metrics: Mapping[str, Metric], slices: Mapping[str, object]) -> tuple[Section, ...]:
    """The parts of the card.

    Args:
        report: as above.
        metrics: of the evaluation.
        slices: by name.
    """
    rows = tuple(
        (name, metrics[f"log_score.{name}"].said(".4f"), metrics[f"brier.{name}"].said(".4f"))
        for name in ("test", *slices)
        if f"log_score.{name}" in metrics
    )
    scores = Report(title="Scores", columns=("images of", "log score, nats", "Brier"), rows=rows)
    return (
        Section(
            title="Over the test split",
            text="How often the class with the largest probability was the true one, with 95 % intervals.",
            tables=(report,),
            pictures=(("confusion", "What was answered for images of each class."),),
        ),
        Section(
            title="Can its probabilities be believed?",
            text="The less the better: −ln of the true class's probability, and the squared error of all. Probability "
            f"and share right differ by {metrics['calibration_error.test'].said('.4f')} in the mean.",
            tables=(scores,),
            pictures=(("reliability", "Share of images told right, by the probability of the class answered."),),
        ),
    )
