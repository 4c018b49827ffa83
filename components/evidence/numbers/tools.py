"""Programs that are not ours and measure the same images: what they say is held against a model's answers.

    MeasuringTool(name="sep", quantities={"sep_flux": "1e5 counts"}, measure=measure)

A problem names its own (`RegressionQuestions.tools`); `independent.py` does the asking.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.evidence.intervals import Array

__label__ = "measuring_tools"


@dataclass(frozen=True, kw_only=True)
class MeasuringTool:
    """One such program."""

    name: str
    """As its users know it."""
    quantities: Mapping[str, str]
    """What it measures, as in metric names, and the unit of each."""
    measure: Callable[[Array, Array], Array]
    """From images (b, h, w) and the conditions that they were taken under (b, c) to the quantities (b, q), NaN where
    the program gives up on an image."""
