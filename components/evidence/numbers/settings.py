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
    """Test images that the exact posterior mean is computed for, about a second each on one core; 0 for none."""
    failure_images: Annotated[int, Field(ge=8)]
    """Objects at each value of each failure map."""
    real_galaxies: str | None
    """Folder with real images that the problem can open, to be measured too; None for none."""
