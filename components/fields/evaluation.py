"""The evidence for one model, as every problem gives it: metrics with intervals, losses, and what a person reads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from components.core import significant

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

__label__ = None


ELSEWHERE = "elsewhere"
"""The slice of images that lie in none: they count in the whole alone."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number with its 95 % confidence interval."""

    value: float
    low: float
    high: float
    missing: str = ""
    """Why there is no number, such as a slice of too few images; a gate refuses it by these words."""

    def said(self, form: str = "") -> str:
        """As a table shows it: the value with its interval, in a format or to three digits, or why there is none."""
        if self.missing:
            return self.missing
        value, *ends = (f"{one:{form}}" if form else significant(one, 3) for one in (self.value, self.low, self.high))
        return f"{value} [{', '.join(ends)}]"


def no_metric(why: str) -> Metric:
    """A metric that could not be measured, and says why."""
    return Metric(value=math.nan, low=math.nan, high=math.nan, missing=why)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a model lost on each image of a split by one measure: what two models are compared on, image by image."""

    name: str
    """Of the measure, such as a parameter's."""
    values: "np.ndarray[Any, Any]"
    """One for each image, in catalogue order; the less the better."""
    scale: Literal["relative", "absolute"] = "relative"
    """`relative`: positive, and compared over the champion's mean (an error, a CRPS, 1 − Dice); `absolute`: a log
    score, compared as it is, in nats."""
    floor: float = 0.0
    """What a champion's mean counts for at the least, so that one without any error can be replaced; relative only."""

    def __post_init__(self) -> None:
        if self.scale not in ("relative", "absolute"):
            raise ValueError(f"loss {self.name}: scale = {self.scale!r}: must be relative or absolute")
        if self.scale == "relative" and bool((self.values < 0).any()):
            raise ValueError(f"loss {self.name}: {self.values.min():g} is below 0: only an absolute loss may be")


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What a challenger and the champion are compared on: images that nothing else is judged on."""

    losses: tuple[Loss, ...]
    """As of an evaluation, of the confirmation split."""
    slices: "np.ndarray[Any, Any]"
    """The slice that each of its images is in, by name: a challenger must not be worse within any."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table for a person: what is compared, in which columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> "Report":
        """Read back what `dataclasses.asdict` made of one."""
        rows = tuple(tuple(row) for row in document["rows"])
        return cls(title=document["title"], columns=tuple(document["columns"]), rows=rows)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the model card."""

    title: str
    text: str = ""
    """What stands above its tables."""
    tables: tuple[Report, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()
    """Pairs of a picture's name, as in `Evaluation.plots`, and its caption."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The evidence for one model on one dataset."""

    metrics: Mapping[str, Metric]
    """By name; gates ask for them."""
    headline: tuple[str, ...]
    """Names of the metrics that lists of versions show."""
    summary: str
    """What it comes to, in half a line."""
    losses: tuple[Loss, ...]
    """On the test split; a promotion to production compares those of the confirmation split (`Confirmation`)."""
    slices: "np.ndarray[Any, Any]"
    """The slice that each test image is in, by name."""
    report: Report
    """The table shown at the end of a run."""
    sections: tuple[Section, ...]
    """Of the model card, in their order."""
    tables: "Mapping[str, pd.DataFrame]"
    """What the pictures show, as data, by file name without ending."""
    tested_range: Mapping[str, Any]
    """Where the model was found reliable, in the form that the service reads."""
    plots: Mapping[str, "Figure"] = field(default_factory=dict)
    """Pictures by file name without ending."""
    timings: Mapping[str, Metric] = field(default_factory=dict)
    """Metrics by the clock: the same evidence may have others, so that its digest leaves them out."""


@dataclass(frozen=True, kw_only=True)
class Honesty:
    """How far a model's answers are from the truth on average, to a precision that takes a night."""

    metrics: Mapping[str, Metric]
    """By name; promotions to production ask for them."""
    summary: str
    """What it comes to, in half a line."""
    report: Report
    """The table that the command shows."""
    sections: tuple[Section, ...]
    """Of the model card, after those of the evaluation."""
    tables: "Mapping[str, pd.DataFrame]"
    plots: "Mapping[str, Figure]"
