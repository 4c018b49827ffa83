"""The gamma-ray sky around the Galactic Centre: what params.yaml says of it, and what is drawn of each sky.

    table = prior_skies(settings, random_numbers(seed_b, len(PARAMETERS), stream=0))      # settings from params.yaml

`skies.py` draws them. The diffuse components and the sources are those of a summer school's exercise, after the models
of Fermi-LAT analyses (such as Caron et al. 2018). Angles are in degrees from the centre, X along the Galactic plane
(columns of an image) and Y across it (rows); brightness is in counts a pixel.
"""

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, Range, SimulationSettings, check_range
from components.fields import rounded

__label__ = "galactic_centre_prior"

Array = np.ndarray[Any, np.dtype[np.float64]]

AMPLITUDES = ("A_dm", "A_pi0", "A_ic", "A_bubbles")
"""Of dark matter, gas, inverse Compton light and the Fermi bubbles: factors to their templates."""
COUNTS = ("N_gc", "N_disk")
"""Point sources around the centre and of the disk, those in the field."""
PARAMETERS = (*AMPLITUDES, *COUNTS)
_DECIMALS = 6

_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DarkMatter:
    """Annihilating dark matter: a gamma density of the distance from the centre."""

    brightness: _NotNegative
    """Counts a pixel for one of the density, 1/degree."""
    shape: _Positive
    scale: _Positive
    """Degrees."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class InverseCompton:
    """Starlight scattered by electrons: falls off from the plane."""

    brightness: _NotNegative
    """Counts a pixel in the plane."""
    height: _Positive
    """Degrees in which it falls by e."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class Gas:
    """Light of pions and bremsstrahlung: a Gaussian ellipse times exp(G / `softness`), G smoothed white noise."""

    brightness: _NotNegative
    """Counts a pixel in the centre."""
    width: _Positive
    """Degrees along the plane, where it has fallen by e."""
    height: _Positive
    """Degrees across."""
    softness: _Positive
    smoothing: _Positive
    """Degrees, standard deviation of the Gaussian kernel of G, whose weights sum to 1."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class Bubbles:
    """The Fermi bubbles: above a catenary in the north and below one in the south, of even brightness."""

    brightness: _NotNegative
    """Counts a pixel."""
    edge: _Positive
    """Degrees over which their edges are soft."""
    north: tuple[float, float, float]
    """Degrees: curvature radius a, offset along the plane, least distance c of the edge
    Y = a (cosh((−X − offset) / a) − 1) + c."""
    south: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class CentreSources:
    """Point sources around the centre: gamma distributed radii, any direction."""

    count: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
    """Least and most in the field, each number as likely."""
    shape: _Positive
    scale: _Positive
    """Degrees."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DiskSources:
    """Point sources of the disk: exponential radii seen edge on, and exponential heights."""

    count: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
    length: _Positive
    """Degrees in which their number falls by e along the disk's radius."""
    height: _Positive
    """Degrees, across the plane."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SourceFlux:
    """Log-normal fluxes of the sources."""

    mean: float
    """Of ln counts."""
    sd: _Positive


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GalacticCentreSettings(SimulationSettings):
    """The prior and the camera of the problems around the Galactic Centre."""

    size: Annotated[int, Field(ge=16, le=256, multiple_of=2)]
    """Pixels on a side."""
    half_width: _Positive
    """Degrees from the centre to the edges of the field."""
    psf_sigma: _Positive
    """Degrees, standard deviation of the Gaussian PSF."""
    psf_pixels: Annotated[int, Field(ge=1, le=15)]
    """On a side of the PSF's kernel, odd; what lies beyond is cut off."""
    psf_sum: Literal["one", "peak"]
    """What the kernel is scaled by: its sum is one, or its peak, as in the summer school's exercise (sum 2.047)."""
    rotated: bool
    """Whether each sky is seen turned by an angle of its own, any as likely."""
    amplitude: Range
    """Of each diffuse component, uniform."""
    dark_matter: DarkMatter
    inverse_compton: InverseCompton
    gas: Gas
    bubbles: Bubbles
    centre_sources: CentreSources
    disk_sources: DiskSources
    source_flux: SourceFlux

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("amplitude", self.amplitude, least=0)
        for name, sources in (("centre_sources", self.centre_sources), ("disk_sources", self.disk_sources)):
            if sources.count[0] > sources.count[1]:
                raise ValueError(f"{name}.count = {list(sources.count)}: the least must not be above the most")
        if self.psf_pixels % 2 == 0:
            raise ValueError(f"psf_pixels = {self.psf_pixels}: must be odd, with a pixel in the middle")

    @property
    def pixel_scale(self) -> float:
        """Degrees a pixel."""
        return 2 * self.half_width / self.size

    @property
    def places(self) -> Array:
        """Centres of the pixels along a side, degrees, shape (size,)."""
        places: Array = (np.arange(self.size, dtype=np.float64) - (self.size - 1) / 2) * self.pixel_scale
        return places


def prior_skies(settings: GalacticCentreSettings, uniform_bk: Array) -> pd.DataFrame:
    """The amplitudes and numbers of sources that random numbers stand for.

    Args:
        settings: the prior.
        uniform_bk: numbers between 0 and 1, shape (b, 6).
    """
    low, high = settings.amplitude
    drawn: dict[str, Array] = {
        name: rounded(low + (high - low) * uniform_bk[:, k], _DECIMALS) for k, name in enumerate(AMPLITUDES)
    }
    for name, sources, uniform_b in (
        ("N_gc", settings.centre_sources, uniform_bk[:, 4]),
        ("N_disk", settings.disk_sources, uniform_bk[:, 5]),
    ):
        least, most = sources.count
        drawn[name] = least + np.floor(uniform_b * (most - least + 1))
    return pd.DataFrame(drawn)
