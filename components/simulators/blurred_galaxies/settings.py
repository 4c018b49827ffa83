"""What params.yaml says of galaxies that are to be deblurred. Lengths are in arcseconds."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, Range, SimulationSettings, check_range
from models.galaxies import INDEX_RANGE, LEAST_FWHM, Camera

__label__ = None

FLUX = 1e4
"""Counts of every galaxy: what is found is the same in any unit, and SNR is a matter of the noise."""
FINER = 2
"""Pixels that a galaxy is drawn with along the side of one: where it lies in its pixel differs by half of one."""
_BETA = 3.0
"""Slope of the sharp PSF, a Moffat's."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class BlurredGalaxySettings(SimulationSettings):
    """The `simulate` section."""

    size: Annotated[int, Field(ge=16, le=256, multiple_of=16)]
    """Pixels on a side."""
    pixel_scale: Annotated[float, Field(gt=0, le=1)]
    """Arcseconds a pixel."""
    sharp_fwhm: Annotated[float, Field(gt=0)]
    """FWHM of the Moffat PSF that the truth is seen with: a space telescope's."""
    n: Range
    """Sérsic index, uniform."""
    half_light_radius: Range
    """Of the unsheared profile; its logarithm is uniform."""
    ellipticity: Range
    """Length of the reduced shear, uniform; its angle is uniform too."""
    structured: Annotated[float, Field(ge=0, lt=1)]
    """Share of galaxies that have a bulge, knots and perhaps a neighbour (`structure.py`); others have none."""
    snr: Range
    """√(Σ p²)/σ of blurred images; its logarithm is uniform."""
    psf_size: Annotated[int, Field(ge=5)]
    """Pixels on a side of a PSF's image, odd."""
    psf_fwhm: Range
    """Of the Kolmogorov PSF, uniform."""
    psf_ellipticity: Annotated[float, Field(ge=0, lt=0.5)]
    """Largest reduced shear of the PSF; uniform from 0, at any angle."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("n", self.n, least=INDEX_RANGE[0], most=INDEX_RANGE[1])
        check_range("half_light_radius", self.half_light_radius, least=1e-3)
        check_range("ellipticity", self.ellipticity, least=0, most=0.95)
        check_range("snr", self.snr, least=1)
        check_range("psf_fwhm", self.psf_fwhm, least=self.pixel_scale)
        if self.psf_size % 2 == 0 or self.psf_size > self.size:
            raise ValueError(f"psf_size = {self.psf_size}: must be odd and at most size, {self.size}")
        least = LEAST_FWHM * self.pixel_scale / FINER
        if self.sharp_fwhm < least:
            raise ValueError(f"sharp_fwhm = {self.sharp_fwhm:g}: must be at least {least:g}, a quarter of a pixel")

    @property
    def camera(self) -> Camera:
        """What draws galaxies: of finer pixels, and one more of the image's."""
        return Camera(size=FINER * (self.size + 1), pixel_scale=self.pixel_scale / FINER, beta=_BETA)
