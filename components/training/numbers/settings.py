"""What a training knows beside the loop where models answer with numbers."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, TrainSettings

__label__ = None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class NumbersTrainSettings(TrainSettings):
    """The `train` section of a problem whose intervals are set by fresh images."""

    recalibration_images: Annotated[int, Field(ge=64)]
    """Images that are drawn for the intervals to be set by."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ScoringTrainSettings(NumbersTrainSettings):
    """The `train` section of a problem with a search behind the network."""

    scoring_steps: Annotated[int, Field(ge=0)]
    """The most steps of the search for the likelihood's maximum behind the network, which ends itself; 0 for none."""
    correction_images: Annotated[int, Field(gt=0)]
    """Galaxies that are drawn for what follows the search to learn from, each seen under four noises."""
