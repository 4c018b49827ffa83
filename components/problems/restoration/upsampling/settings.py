"""What params.yaml says of `upsampling`, beside what it says of every problem."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, EvaluateSettings, ProblemSettings, TrainSettings
from components.simulators.deep_fields import DeepFieldSettings
from components.simulators.folders import FolderSettings

__label__ = None

FACTOR = 4
"""How many times smaller pictures once were."""
BANDS: Literal[3] = 3
_MOST_PIXELS = 512 * 1024
"""Of a picture that a service is asked about: in JSON it has 60 bytes a pixel, and a request 32 MiB at most."""
_HALVINGS = {"published_unet": 16, "deep_unet": 8}
"""What both sides must be multiples of for a network, beside the factor."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class UpsamplingTrainSettings(TrainSettings):
    """The `train` section."""

    loss: Literal["charbonnier", "mse", "decibels"]
    """Mean of the root of squared errors, softened at zero; of the squared errors; or the logarithm of that mean."""
    difference: bool
    """Whether a network says what to add to the picture that it sees, and not the whole of it."""
    consistent: bool
    """Whether answers are brought to the nearest picture that comes to the small one; never farther from the truth."""
    mirrored: bool
    """Whether an answer is the mean of those to all mirrored and turned pictures: better, in eight times the time."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class UpsamplingEvaluateSettings(EvaluateSettings):
    """The `evaluate` section."""

    filter_pictures: Annotated[int, Field(ge=10)]
    """Training pictures that the local linear filter is fitted to."""
    failure_pictures: Annotated[int, Field(ge=4)]
    """Test pictures, the first ones, that failure maps are measured on."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class UpsamplingSettings(ProblemSettings):
    """The whole section."""

    simulate: Annotated[DeepFieldSettings | FolderSettings, Field(discriminator="source")]
    train: UpsamplingTrainSettings
    evaluate: UpsamplingEvaluateSettings

    def __post_init__(self) -> None:
        super().__post_init__()
        height, width = self.simulate.height, self.simulate.width
        searched = self.search.space.get("network", ())
        for network in (self.train.network, *(map(str, searched) if isinstance(searched, tuple | list) else ())):
            multiple = max(FACTOR, _HALVINGS.get(network, FACTOR))
            for name, side in (("height", height), ("width", width)):
                if side % multiple:
                    raise ValueError(f"simulate.{name} = {side}: must be a multiple of {multiple} for {network}")
        if height * width > _MOST_PIXELS:
            raise ValueError(
                f"simulate.height × simulate.width = {height * width}: must be at most {_MOST_PIXELS}, since larger "
                "pictures do not fit into a request"
            )
        if isinstance(self.simulate, FolderSettings) and self.simulate.channels != BANDS:
            raise ValueError(f"simulate.channels: must be said, and be {BANDS}: pictures have colours")
