"""What params.yaml says of `galactic-centre`, beside what it says of every problem."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings
from components.evidence.numbers import NumbersSettings
from components.simulators.galactic_centre import GalacticCentreSettings
from components.training.numbers import NumbersTrainSettings

__label__ = None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SkyTrainSettings(NumbersTrainSettings):
    """The `train` section."""

    fresh_amplitudes: bool
    """Whether amplitudes, and how sources and clouds are mirrored, are drawn anew at each presentation."""
    familiar_images: Annotated[int, Field(ge=1000, multiple_of=2)]
    """Skies that are drawn for doubts to be set by."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GalacticCentreProblemSettings(ProblemSettings):
    """The whole section."""

    simulate: GalacticCentreSettings
    train: SkyTrainSettings
    evaluate: NumbersSettings
