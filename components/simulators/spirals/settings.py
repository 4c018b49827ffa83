"""What params.yaml says of simulated spirals, lenticulars and ellipticals. Lengths are in pixels."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, Range, SimulationSettings, check_range

__label__ = None

_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SpiralSettings(SimulationSettings):
    """The `simulate` section."""

    source: Literal["simulated"]
    size: Annotated[int, Field(ge=16, le=256, multiple_of=16)]
    """Pixels on a side."""
    disk_scale: Range
    """Exponential scale length of disks over the image's side, uniform in the logarithm."""
    axis_ratio: Range
    """Of inclined disks, uniform: the cosine of the inclination of disks that lie at random."""
    bulge: Range
    """Share of a spiral's light in its bulge, uniform; lenticulars have the upper half and as much again."""
    pitch: Range
    """Angle between arms and circles, degrees, uniform."""
    contrast: Range
    """Of arms: how much brighter than the disk they are at their crests, over the disk; uniform in the logarithm."""
    sharpness: Range
    """Concentration κ of the arms' profile exp(κ (cos − 1)), uniform in the logarithm."""
    barred: _Share
    """Share of disks that have a bar."""
    ringed: _Share
    """Share of lenticulars that have a ring."""
    neighbours: Annotated[float, Field(ge=0, le=20)]
    """Stars and small galaxies of an image, on average."""
    psf_fwhm: Range
    """Of the Gaussian PSF, uniform."""
    snr: Range
    """√(Σ p²)/σ of an image, its logarithm uniform."""
    stretched: _Share
    """Share of images whose brightness is stretched, as that of pictures is; of others it is linear."""
    reference: _Share
    """Share of galaxies that are drawn from the reference regime, where the likelihood is known (`reference.py`)."""
    reference_snr: Range
    """Of those, in place of `snr`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("disk_scale", self.disk_scale, least=0.01, most=0.5)
        check_range("axis_ratio", self.axis_ratio, least=0.1, most=1)
        check_range("bulge", self.bulge, least=0, most=0.6)
        check_range("pitch", self.pitch, least=2, most=60)
        check_range("contrast", self.contrast, least=1e-3)
        check_range("sharpness", self.sharpness, least=0.1)
        check_range("psf_fwhm", self.psf_fwhm, least=0.5)
        for name in ("snr", "reference_snr"):
            check_range(name, getattr(self, name), least=0.1)
