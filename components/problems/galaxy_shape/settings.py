"""What params.yaml says of `galaxy-shape`, beside what it says of every problem."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, HonestySettings, ProblemSettings
from components.evidence.numbers import NumbersSettings
from components.simulators.sersic import SersicSettings
from components.training.numbers import ScoringTrainSettings

__label__ = None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GalaxyTrainSettings(ScoringTrainSettings):
    """The `train` section."""

    fresh_conditions: bool
    """Whether PSF and noise level are drawn afresh, too, which draws every image again."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GalaxyHonestySettings(HonestySettings):
    """The `honesty` section."""

    grid_points: Annotated[int, Field(ge=8, multiple_of=4)]
    """Galaxies of the bias grid, a fourth of them in each slice of the SNR."""
    noise_pairs: Annotated[int, Field(ge=16)]
    """Pairs of opposite noise that each of them is seen under."""
    shear_galaxies: Annotated[int, Field(ge=64, multiple_of=2)]
    """Galaxies that are turned and sheared, eight images each; half of them teach the response."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GalaxyShapeSettings(ProblemSettings):
    """The whole section."""

    simulate: SersicSettings
    train: GalaxyTrainSettings
    evaluate: NumbersSettings
    honesty: GalaxyHonestySettings
