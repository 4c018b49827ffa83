"""What params.yaml says of simulated fields of galaxies. Lengths are in pixels, brightness in units of the noise."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, Range, SimulationSettings, check_range

__label__ = None

Side = Annotated[int, Field(ge=8, le=4096)]
_Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DeepFieldSettings(SimulationSettings):
    """The `simulate` section."""

    source: Literal["simulated"]
    height: Side
    """Pixels."""
    width: Side
    galaxies: _Positive
    """Of them in 10,000 pixels, on average."""
    stars: Annotated[float, Field(ge=0)]
    """The same of stars."""
    flux: Range
    """Of a galaxy or star in all, in units of a pixel's noise; their numbers fall as the 2.5th power of it."""
    half_light_radius: Range
    """Of a galaxy's disk, pixels; the larger, the brighter."""
    psf_fwhm: _Positive
    """Of the Gaussian PSF, pixels."""
    stretch: _Positive
    """Noises of a pixel at which brightness goes over from linear to logarithmic (Lupton et al. 2004)."""
    white: _Positive
    """Noises of a pixel that are white, the brightest that is told apart."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("flux", self.flux, least=1e-3)
        check_range("half_light_radius", self.half_light_radius, least=1e-3)
