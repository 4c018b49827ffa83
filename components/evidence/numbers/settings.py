"""How much evidence is gathered for models that answer with numbers."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, EvaluateSettings

__label__ = None


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class NumbersSettings(EvaluateSettings):
    """The `evaluate` section of such a problem."""

    realisations: Annotated[int, Field(ge=10)]
    """Noise realisations of each benchmark case."""
    reference_images: Annotated[int, Field(ge=0)]
    """Test images that the exact posterior is sampled for, a second each on one core or many; 0 for none."""
    reference_draws: Annotated[int, Field(ge=32)]
    """Draws of each exact posterior."""
    failure_images: Annotated[int, Field(ge=8)]
    """Objects at each value of each failure map."""
    fresh_images: Annotated[int, Field(ge=64)]
    """Images drawn for calibration alone, which no dataset holds."""
    tested_bias: Annotated[float, Field(gt=0)]
    """The most |bias| of the posterior, in the problem's yardstick, at a value of a failure map that is reliable."""
    tested_rmse: Annotated[float, Field(gt=0)]
    """The most RMSE of the posterior there, in the same."""
    tested_coverage68: Annotated[float, Field(gt=0, lt=1)]
    """The least coverage of its 68 % intervals there."""
    tested_alarm: Annotated[float, Field(gt=0, le=1)]
    """The largest share of images that are doubted there: who is refused has no use for a range."""
    real_galaxies: str | None
    """Folder with real images that the problem can open, to be measured too; None for none."""
