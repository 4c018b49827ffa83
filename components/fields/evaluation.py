"""The evidence for one model, as every problem gives it: metrics with intervals, losses, tables, pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__label__ = None

SLICE = "slice"
"""Column of the losses that names each image's slice; every other column holds the losses of one parameter."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A number with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """A table for a person: what is compared, in which columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The evidence for one model on one dataset."""

    metrics: Mapping[str, Metric]
    """By name, such as `rmse_over_crb.snr60.flux`."""
    losses: "pd.DataFrame"
    """Losses in units of the bound, what two models are compared on: one row a test image, in catalogue order, one
    column a truth, and `slice`, the slice that the image is in."""
    report: Report
    """The table shown at the end of a run."""
    tables: "Mapping[str, pd.DataFrame]"
    """What the pictures show, as data, by file name without ending."""
    trusted_region: Mapping[str, Any]
    """Where the model can be trusted, as `components/evidence/numbers/trusted_region.py` says."""
    plots: Mapping[str, "Figure"] = field(default_factory=dict)
    """Pictures by file name without ending."""
