"""What params.yaml says of `deblurring`, beside what it says of every problem."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, EvaluateSettings, ProblemSettings, TrainSettings
from components.simulators.blurred_galaxies import BlurredGalaxySettings

__label__ = None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DeblurringTrainSettings(TrainSettings):
    """The `train` section."""

    loss: Literal["mse", "charbonnier"]
    """Mean of the squared errors in units of the noise, or of their root, softened at zero."""
    steps: Annotated[int, Field(ge=0, le=8)]
    """How often a network looks at the image through its PSF, each time with weights of its own; 0: it knows no PSF."""
    difference: bool
    """Whether a network says what to add to what it is shown, and not the whole of it."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DeblurringEvaluateSettings(EvaluateSettings):
    """The `evaluate` section."""

    benchmark_images: Annotated[int, Field(ge=16)]
    """Test galaxies, the first ones, that are seen at every SNR of the benchmark, and at each value of failure maps."""
    reference_images: Annotated[int, Field(ge=0)]
    """Test images that the exact posterior mean is sampled for, some ten seconds each; 0 for none."""
    real_galaxies: str | None
    """Folder of a galsim.RealGalaxyCatalog, to be deblurred too."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DeblurringSettings(ProblemSettings):
    """The whole section."""

    simulate: BlurredGalaxySettings
    train: DeblurringTrainSettings
    evaluate: DeblurringEvaluateSettings
