"""What must hold of a problem's datasets, beside what must hold of every dataset: tables and expectations of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__label__ = None

IMAGES, DATASET = "images", "dataset"
"""The tables of every dataset: one row an image, and one row in all."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """No value of a column is missing, and each lies within limits."""

    table: str
    """`IMAGES`, `DATASET`, or a name in `Checks.tables`."""
    column: str
    said: str
    """What is expected, in words, such as `≤ 0.2, of the noise`."""
    low: float | None = None
    high: float | None = None
    strict: bool = False
    """Whether `low` itself is too little."""
    median: bool = False
    """Whether it is the median that lies within, whatever single values do."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What a problem adds to the validation of its datasets."""

    images: "Mapping[str, pd.Series[float]]" = field(default_factory=dict)
    """Columns for the table of images, in the catalogue's order."""
    dataset: Mapping[str, float] = field(default_factory=dict)
    """Columns for the table of the dataset."""
    tables: "Mapping[str, pd.DataFrame]" = field(default_factory=dict)
    """Tables of its own."""
    expectations: tuple[Expectation, ...] = ()
