"""What params.yaml says of `spiral-morphology` and `spiral-arms`, beside what it says of every problem."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, EvaluateSettings, ProblemSettings, TrainSettings
from components.simulators.folders import FolderSettings
from components.simulators.spirals import SpiralSettings

__label__ = None

MULTIPLE = 16
"""Of pixels on a side, which networks halve up to four times."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SpiralTrainSettings(TrainSettings):
    """The `train` section."""

    mirrored: bool = False
    """Whether masks are means of those of all mirrored and turned pictures: a little better, eight times as slow."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SpiralEvaluateSettings(EvaluateSettings):
    """The `evaluate` section."""

    reference_images: Annotated[int, Field(ge=0)]
    """Images at each SNR of the reference regime; 0 for none."""
    failure_images: Annotated[int, Field(ge=8)]
    """Galaxies at each value of each failure map."""
    real_pictures: str | None
    """Folder of real pictures with what is known of them (`real.py`), to be answered too."""
    real_middle: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of each side of those that is looked at, in the middle."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SpiralProblemSettings(ProblemSettings):
    """The whole section."""

    simulate: Annotated[SpiralSettings | FolderSettings, Field(discriminator="source")]
    train: SpiralTrainSettings
    evaluate: SpiralEvaluateSettings

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.simulate, FolderSettings):
            return
        height, width = self.simulate.height, self.simulate.width
        if height != width or height % MULTIPLE:
            raise ValueError(
                f"simulate.height = {height}, simulate.width = {width}: must be the same multiple of {MULTIPLE}"
            )
        if self.simulate.channels != 1:
            raise ValueError(f"simulate.channels = {self.simulate.channels}: must be 1, grey")
