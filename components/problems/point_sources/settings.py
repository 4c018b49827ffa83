"""What params.yaml says of `point-sources`, beside what it says of every problem."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, EvaluateSettings, ProblemSettings, TrainSettings
from components.problems.skies import CELLS
from components.simulators.galactic_centre import GalacticCentreSettings

__label__ = None

_HALVINGS = 8
"""Networks halve images three times."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class PointSourcesTrainSettings(TrainSettings):
    """The `train` section."""

    fresh_amplitudes: bool
    """Whether amplitudes, and how sources and clouds are mirrored, are drawn anew at each presentation."""
    bright_flux: Annotated[float, Field(gt=0)]
    """Counts, before the PSF, above which a pixel is a bright one and is listed."""
    brightest_share: Annotated[float, Field(gt=0, lt=1)]
    """Of an image's pixels, those that are its brightest."""
    recalibration_images: Annotated[int, Field(ge=32)]
    """Skies that are drawn for the probabilities to be set by; each holds thousands of pixels."""
    familiar_images: Annotated[int, Field(ge=1000, multiple_of=2)]
    """Skies that are drawn for doubts to be set by."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class PointSourcesEvaluateSettings(EvaluateSettings):
    """The `evaluate` section."""

    reference_images: Annotated[int, Field(ge=0)]
    """Test skies that the exact posterior is sampled for; 0 for none."""
    reference_draws: Annotated[int, Field(ge=8)]
    """Sweeps of each chain that count; as many as a pixel's chances need, which are known at each of them."""
    fresh_images: Annotated[int, Field(ge=64)]
    """Skies drawn for false alarms and a score on what no dataset holds."""
    failure_images: Annotated[int, Field(ge=8)]
    """Skies at each value of each failure map."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class PointSourcesSettings(ProblemSettings):
    """The whole section."""

    simulate: GalacticCentreSettings
    train: PointSourcesTrainSettings
    evaluate: PointSourcesEvaluateSettings

    def __post_init__(self) -> None:
        super().__post_init__()
        multiple = max(CELLS, _HALVINGS)
        if self.simulate.size % multiple:
            raise ValueError(f"simulate.size = {self.simulate.size}: must be a multiple of {multiple}")
