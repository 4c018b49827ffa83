"""What params.yaml says of `sky-denoising`, beside what it says of every problem."""

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
class NoiseFactors:
    """How strong each kind of noise is, on images of which the largest pixel is 1."""

    gaussian: Annotated[float, Field(gt=0)]
    """Standard deviation of a pixel."""
    poisson: Annotated[float, Field(gt=0, le=1)]
    """Share of the image that is replaced by Poisson numbers of it, single counts."""
    masked: Annotated[float, Field(gt=0, lt=1)]
    """Share of pixels that are lost, and 0."""
    salt_pepper: Annotated[float, Field(gt=0, lt=1)]
    """Share of pixels that are 0 or the image's maximum, either as likely."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SkyDenoisingTrainSettings(TrainSettings):
    """The `train` section."""

    noise: NoiseFactors
    own_maximum: bool
    """Whether a model divides images by their own maximum, as it must where nobody knows the clean one's."""
    familiar_images: Annotated[int, Field(ge=1000, multiple_of=2)]
    """Skies that are drawn under each kind of noise for doubts and errors to be set by."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SkyDenoisingEvaluateSettings(EvaluateSettings):
    """The `evaluate` section."""

    reference_images: Annotated[int, Field(ge=0)]
    """Skies that the exact posterior mean is sampled for; 0 for none."""
    reference_draws: Annotated[int, Field(ge=8)]
    """Sweeps of each chain that count."""
    baseline_images: Annotated[int, Field(ge=10)]
    """Test skies that are denoised without a network, too."""
    fresh_images: Annotated[int, Field(ge=64)]
    """Skies drawn for false alarms and errors on what no dataset holds."""
    failure_images: Annotated[int, Field(ge=8)]
    """Skies at each value of each failure map."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SkyDenoisingSettings(ProblemSettings):
    """The whole section."""

    simulate: GalacticCentreSettings
    train: SkyDenoisingTrainSettings
    evaluate: SkyDenoisingEvaluateSettings

    def __post_init__(self) -> None:
        super().__post_init__()
        multiple = max(CELLS, _HALVINGS)
        if self.simulate.size % multiple:
            raise ValueError(f"simulate.size = {self.simulate.size}: must be a multiple of {multiple}")
