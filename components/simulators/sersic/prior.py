"""Sheared Sérsic galaxies seen through a Moffat PSF: the prior, the camera and the noise.

    candidates = sample_prior(settings, np.random.default_rng(1), 1000)      # settings from params.yaml

`drawing.py` draws them.
"""

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, Range, SimulationSettings, check_range
from components.fields import rounded, steps
from models.galaxies import INDEX_RANGE, LEAST_FWHM, SHAPE, Camera, Domain

__label__ = "sersic_prior"

FLUX_UNIT = 1e5
"""Counts in one unit of the `flux` column."""

PARAMETERS = SHAPE

_DECIMALS = {"flux": 6, "n": 5, "half_light_radius": 6, "g1": 6, "g2": 6, "psf_fwhm": 5, "sigma": 3}
"""Of what a galaxy is drawn from, in its unit: far finer than any image tells, far coarser than rounding."""
_STAMP_DECIMALS = 2
"""Of a stamp's pixels, in counts; the noise is 20,000 times as large."""

Array = np.ndarray[Any, np.dtype[np.float64]]
Image = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SersicSettings(SimulationSettings):
    """The prior and the camera of the galaxy-shape problem."""

    renderer: Literal["torch", "galsim"]
    """What draws: our own batched renderer, or GalSim at thirty times the cost."""
    size: Annotated[int, Field(ge=32, le=256, multiple_of=16)]
    """Pixels on a side of a stamp."""
    pixel_scale: Annotated[float, Field(gt=0, le=1)]
    """Arcseconds a pixel."""
    flux: Range
    """Flux, uniform, in units of 1e5 counts."""
    n: Range
    """Sérsic index, uniform."""
    distinct_n: Annotated[int, Field(ge=1, le=100)]
    """Distinct Sérsic indices in one dataset drawn by GalSim, which keeps 100 of its tables; torch draws any index."""
    half_light_radius: Range
    """Half-light radius of the unsheared profile, uniform, in arcseconds."""
    ellipticity: Range
    """Length A of the reduced shear, uniform; its angle is uniform too."""
    psf_fwhm: Range
    """FWHM of the Moffat PSF, uniform, in arcseconds."""
    psf_beta: Annotated[float, Field(gt=1.1, le=10)]
    """Slope of the Moffat PSF."""
    sigma: Range
    """Standard deviation of a pixel's Gaussian noise, uniform, in counts."""
    snr: Range
    """Only images whose SNR √(Σ p²)/σ lies in this range are kept."""
    shot_noise: bool
    """Whether the galaxy's own Poisson noise is added."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("flux", self.flux, least=1e-6, most=250)  # the squares of brighter pixels would not fit 64 bits
        check_range("n", self.n, least=INDEX_RANGE[0], most=INDEX_RANGE[1])
        check_range("half_light_radius", self.half_light_radius, least=1e-3)
        check_range("ellipticity", self.ellipticity, least=0, most=0.95)
        check_range("psf_fwhm", self.psf_fwhm, least=LEAST_FWHM * self.pixel_scale)
        check_range("sigma", self.sigma, least=10)  # below, shot noise would no longer look normal
        check_range("snr", self.snr, least=0)

    @property
    def camera(self) -> Camera:
        """What turns a galaxy into pixels."""
        return Camera(size=self.size, pixel_scale=self.pixel_scale, beta=self.psf_beta)

    @property
    def domain(self) -> Domain:
        """Where the prior allows galaxies to be."""
        return Domain(
            flux=(self.flux[0] * FLUX_UNIT, self.flux[1] * FLUX_UNIT),
            n=self.n,
            half_light_radius=self.half_light_radius,
            shear=self.ellipticity[1],
        )


def sample_prior(settings: SersicSettings, rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw galaxies, PSFs and noise levels, before any cut on the SNR."""
    return prior_galaxies(settings, rng.random((count, DRAWN)))


DRAWN = 7
"""Random numbers that a galaxy is drawn by."""


def prior_galaxies(settings: SersicSettings, uniform_bk: Array) -> pd.DataFrame:
    """The galaxies, PSFs and noise levels that random numbers stand for, rounded, before any cut on the SNR.

    Args:
        settings: the prior.
        uniform_bk: numbers between 0 and 1, shape (b, `DRAWN`).
    """
    flux, n, radius, length, turn, fwhm, sigma = uniform_bk.T
    ellipticity, angle = _between(settings.ellipticity, length), 2 * np.pi * turn
    drawn = {
        "flux": _between(settings.flux, flux),
        "n": _indices(settings, n),
        "half_light_radius": _between(settings.half_light_radius, radius),
        "g1": ellipticity * np.cos(angle),
        "g2": ellipticity * np.sin(angle),
        "psf_fwhm": _between(settings.psf_fwhm, fwhm),
        "sigma": _between(settings.sigma, sigma),
    }
    table = pd.DataFrame({name: rounded(values, _DECIMALS[name]) for name, values in drawn.items()})
    for name in ("flux", "n", "half_light_radius", "psf_fwhm", "sigma"):
        table[name] = table[name].clip(*getattr(settings, name))  # ends may have more decimals
    return table


def _between(ends: Range, uniform: Array) -> Array:
    low, high = ends
    return low + (high - low) * uniform


def _indices(settings: SersicSettings, uniform: Array) -> Array:
    """Sérsic indices: for GalSim one of `distinct_n` values, one in each of as many equal slices of the prior."""
    if settings.renderer == "torch":
        return _between(settings.n, uniform)
    slices = np.arange(settings.distinct_n) + np.random.default_rng([settings.seed, 0]).random(settings.distinct_n)
    return _between(settings.n, slices[np.floor(uniform * settings.distinct_n).astype(int)] / settings.distinct_n)


def log_prior(galaxies: Array, settings: SersicSettings) -> Array:
    """Logarithm of the prior density of galaxies up to a constant, before any cut on the SNR.

    Args:
        galaxies: columns as in `PARAMETERS`, flux in units of 1e5 counts, shape (rows, 5).
        settings: the prior.

    Returns:
        Shape (rows,); −inf outside.
    """
    flux, n, half_light_radius, g1, g2 = galaxies.T
    shear = np.hypot(g1, g2)
    inside = np.ones(len(galaxies), dtype=bool)
    for value, (low, high) in (
        (flux, settings.flux),
        (n, settings.n),
        (half_light_radius, settings.half_light_radius),
        (shear, settings.ellipticity),
    ):
        inside &= (value >= low) & (value <= high)
    # A uniform length of the shear is dense at its centre: its density in the plane is 1/|g|.
    density: Array = np.where(inside, -np.log(np.maximum(shear, 1e-12)), -np.inf)
    return density


def whole_stamps(stamps: Array) -> Array:
    """Noise-free stamps, float64, in steps of 0.01 count: the same on every machine."""
    return rounded(stamps, _STAMP_DECIMALS)


def measure_snr(stamps: Array, sigma: Array) -> Array:
    """SNR √(Σ p²)/σ of noise-free stamps, of which steps of 0.01 count are counted: whole numbers have no rounding."""
    whole_bhw = steps(stamps.astype(np.float64), _STAMP_DECIMALS)
    squares = np.einsum("bhw,bhw->b", whole_bhw, whole_bhw)
    snr: Array = np.sqrt(squares) / 10**_STAMP_DECIMALS / sigma
    return snr
