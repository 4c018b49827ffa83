"""What params.yaml says of `galaxy-shape`, beside what it says of every problem."""

from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings
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
class GalaxyShapeSettings(ProblemSettings):
    """The whole section."""

    simulate: SersicSettings
    train: GalaxyTrainSettings
    evaluate: NumbersSettings
