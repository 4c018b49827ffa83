"""What params.yaml says of `galactic-centre`, beside what it says of every problem."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings
from components.evidence.numbers import NumbersSettings
from components.problems.skies import CELLS
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.simulate.size % CELLS:
            raise ValueError(f"simulate.size = {self.simulate.size}: must be a multiple of {CELLS}")
        low, high = self.simulate.amplitude
        if low == high:
            raise ValueError(f"simulate.amplitude = {[low, high]}: its range measures errors, and must be above 0")
        for name in ("centre_sources", "disk_sources"):
            least, most = getattr(self.simulate, name).count
            if not 0 < least < most:
                raise ValueError(
                    f"simulate.{name}.count = {[least, most]}: its range measures errors: the least must be above 0, "
                    "and below the most"
                )
