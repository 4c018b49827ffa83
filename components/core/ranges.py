"""Ranges and choices as params.yaml gives them, checked.

Span(low=1e-4, high=1e-2, log=True)
holds((8, 16), 16)     # True
"""

import math
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag
from pydantic.dataclasses import dataclass

__label__ = None

CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
"""What every settings class shares: no unknown key, no NaN."""

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class Span:
    """A range of numbers to search, its ends included."""

    low: float
    high: float
    step: Annotated[float, Field(gt=0)] | None = None
    """Distance of the values; 1 by default for whole numbers, none for others."""
    log: bool = False
    """Whether a factor counts, and not a difference."""

    def __post_init__(self) -> None:
        check_range("low, high", (self.low, self.high))
        if self.log and self.low <= 0:
            raise ValueError(f"low = {self.low:g}: must be above 0 where log is true")
        if self.log and self.step is not None:
            raise ValueError(f"step = {self.step:g}: leave it out where log is true")
        if self.step is not None and not math.isclose(self._steps(self.step), round(self._steps(self.step))):
            raise ValueError(f"step = {self.step:g}: must lead from low = {self.low:g} to high = {self.high:g}")

    def _steps(self, step: float) -> float:
        return (self.high - self.low) / step


Choices = Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]
"""Values to choose from."""
Searched = Annotated[
    Annotated[Choices, Tag("values")] | Annotated[Span, Tag("range")],
    Discriminator(lambda given: "range" if isinstance(given, dict | Span) else "values"),
]
"""What a search may try of one field; told apart first, so that what is wrong is said of the right one."""


def holds(choices: Span | tuple[Any, ...], value: Any) -> bool:
    """Whether a search may try a value."""
    return choices.low <= value <= choices.high if isinstance(choices, Span) else value in choices


def check_range(name: str, pair: Range, *, least: float = float("-inf"), most: float = float("inf")) -> None:
    """Raise a ValueError that names the range unless least ≤ first ≤ second ≤ most."""
    if not pair[0] <= pair[1]:
        raise ValueError(f"{name} = {list(pair)}: the first must not exceed the second")
    if pair[0] < least or pair[1] > most:
        raise ValueError(f"{name} = {list(pair)}: must lie within {least:g} to {most:g}")
