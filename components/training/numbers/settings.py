"""What a training knows beside the loop where Fisher scoring follows the network."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, TrainSettings, check_range

__label__ = None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ScoringTrainSettings(TrainSettings):
    """The `train` section of such a problem."""

    scoring_steps: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=8)]]
    """Least and largest number of Fisher-scoring steps behind the network; the images say how many it takes."""
    correction_images: Annotated[int, Field(gt=0)]
    """Training images that the correction behind the scoring steps is trained on."""

    def __post_init__(self) -> None:
        check_range("scoring_steps", self.scoring_steps)
