"""What a person reads of a model that makes pictures whole again: the table of a run, and the parts of the card."""

from collections.abc import Mapping

from components.evidence import Figures, axis_captions
from components.fields import Metric, Report, Section
from components.problems.restoration.upsampling.baselines import NAMES

__label__ = None

_BASELINES = {"bicubic": "bicubic", "consistent": "nearest that comes to the small picture", "linear": "9 × 9 filter"}


def report(metrics: Mapping[str, Metric]) -> Report:
    """One row a way to restore pictures."""
    ours = ("this model", *_gains(metrics, ""), metrics["inconsistency"].said(".1e"))
    rows = [("as it is seen", "0", "0", "0"), *(_row(metrics, name) for name in NAMES), ours]
    columns = ("picture", "gain [dB]", "gain in SSIM", "resized, off by")
    return Report(title="over the test split", columns=columns, rows=tuple(rows))


def _row(metrics: Mapping[str, Metric], name: str) -> tuple[str, ...]:
    return (_BASELINES[name], *_gains(metrics, f".{name}"), metrics[f"inconsistency.{name}"].said(".1e"))


def _gains(metrics: Mapping[str, Metric], of: str) -> tuple[str, str]:
    return metrics[f"gain_db{of}"].said("+.2f"), metrics[f"gain_ssim{of}"].said("+.4f")


def sections(report: Report, metrics: Mapping[str, Metric], figures: Figures) -> tuple[Section, ...]:
    """The parts of the card.

    Args:
        report: as of `report`.
        metrics: of the evaluation.
        figures: all, by name.
    """
    seen, restored = (
        f"{metrics[f'psnr{of}'].said('.2f')} dB and an SSIM of {metrics[f'ssim{of}'].said('.4f')}"
        for of in (".identity", "")
    )
    return (
        Section(
            title="Over the test split",
            text="Means over pictures, with 95 % intervals, of values from 0 to 1. As they are seen, pictures have "
            f"{seen}; restored {restored}. SSIM is of 7 × 7 pixels, by band. There is no noise, so that an answer, "
            "resized, should be the small picture again.",
            tables=(report,),
            pictures=(
                ("examples", "The pictures that gain most, as the median, and least."),
                ("gains", "Each test picture, and what a linear filter makes of it."),
            ),
        ),
        Section(
            title="Where it fails",
            text="Pictures with noise, blurred before they were resized, with another stretch, or resized by another "
            "factor; grey: what the training had. Stated errors hold "
            f"{metrics['coverage68'].said('.1%')} of the pixels of test pictures, and "
            f"{metrics['false_alarms.test'].said('.1%')} of these are doubted.",
            pictures=axis_captions(figures),
        ),
    )
