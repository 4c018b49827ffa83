"""Sheared Sérsic galaxies seen through a Moffat PSF, drawn with GalSim, and what the prior says of them.

    prior = ...SersicSettings from params.yaml
    candidates = sample_prior(prior, rng, distinct_n, 1000)
    stamps = draw_sersics(candidates, prior)

GalSim builds a table for every new Sérsic index and keeps 100 of them, so indices come from at most 100 values and
rows are drawn in the order of their index.
"""

from typing import Annotated, Any

import galsim
import numpy as np
import pandas as pd
from pydantic import Field
from pydantic.dataclasses import dataclass

from components.settings import CHECKED, Range, SimulationSettings, check_range

FLUX_UNIT = 1e5
"""Counts in one unit of the `flux` column."""

PARAMETERS = ("flux", "n", "half_light_radius", "g1", "g2")

Image = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SersicSettings(SimulationSettings):
    """The prior and the camera of the galaxy-shape problem."""

    size: Annotated[int, Field(ge=32, le=256, multiple_of=16)]
    """Pixels on a side of a stamp."""
    pixel_scale: Annotated[float, Field(gt=0, le=1)]
    """Arcseconds a pixel."""
    flux: Range
    """Flux, uniform, in units of 1e5 counts."""
    n: Range
    """Sérsic index, uniform."""
    distinct_n: Annotated[int, Field(ge=1, le=100)]
    """Distinct Sérsic indices in one dataset; GalSim keeps no more than 100 of its tables."""
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
        check_range("flux", self.flux, least=1e-6)
        check_range("n", self.n, least=0.3, most=6.2)
        check_range("half_light_radius", self.half_light_radius, least=1e-3)
        check_range("ellipticity", self.ellipticity, least=0, most=0.95)
        check_range("psf_fwhm", self.psf_fwhm, least=1e-2)
        check_range("sigma", self.sigma, least=10)  # below, shot noise would no longer look normal
        check_range("snr", self.snr, least=0)


def distinct_indices(settings: SersicSettings) -> np.ndarray[Any, Any]:
    """The dataset's Sérsic indices: one drawn in each of `distinct_n` equal slices of the prior."""
    rng = np.random.default_rng([settings.seed, 0])
    low, high = settings.n
    slices = (np.arange(settings.distinct_n) + rng.random(settings.distinct_n)) / settings.distinct_n
    indices: np.ndarray[Any, Any] = low + (high - low) * slices
    return indices


def sample_prior(settings: SersicSettings, rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw galaxies, PSFs and noise levels, before any cut on the SNR."""
    angle = rng.uniform(0, np.pi, count)
    ellipticity = rng.uniform(*settings.ellipticity, count)
    return pd.DataFrame(
        {
            "flux": rng.uniform(*settings.flux, count),
            "n": rng.choice(distinct_indices(settings), count),
            "half_light_radius": rng.uniform(*settings.half_light_radius, count),
            "g1": ellipticity * np.cos(2 * angle),
            "g2": ellipticity * np.sin(2 * angle),
            "psf_fwhm": rng.uniform(*settings.psf_fwhm, count),
            "sigma": rng.uniform(*settings.sigma, count),
        }
    )


def draw_sersic(
    *,
    flux: float,
    n: float,
    half_light_radius: float,
    g1: float,
    g2: float,
    psf_fwhm: float,
    size: int,
    pixel_scale: float,
    psf_beta: float,
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One noise-free stamp in counts, float64, shape (size, size), the galaxy at its centre.

    Flux is in units of 1e5 counts, the radius and the FWHM in arcseconds, the scale in arcseconds a pixel.
    """
    galaxy = galsim.Sersic(n=n, half_light_radius=half_light_radius, flux=flux * FLUX_UNIT).shear(g1=g1, g2=g2)
    psf = galsim.Moffat(beta=psf_beta, fwhm=psf_fwhm)
    image = galsim.Convolve(galaxy, psf).drawImage(nx=size, ny=size, scale=pixel_scale, dtype=np.float64)
    return np.asarray(image.array)


def draw_sersics(catalogue: pd.DataFrame, settings: SersicSettings) -> Image:
    """Noise-free stamps of every row in the catalogue's order, float32, shape (rows, size, size)."""
    stamps = np.empty((len(catalogue), settings.size, settings.size), dtype=np.float32)
    columns = catalogue[[*PARAMETERS, "psf_fwhm"]].to_numpy()
    for row in np.argsort(columns[:, 1], kind="stable"):
        flux, n, half_light_radius, g1, g2, psf_fwhm = columns[row]
        stamps[row] = draw_sersic(
            flux=flux,
            n=n,
            half_light_radius=half_light_radius,
            g1=g1,
            g2=g2,
            psf_fwhm=psf_fwhm,
            size=settings.size,
            pixel_scale=settings.pixel_scale,
            psf_beta=settings.psf_beta,
        )
    return stamps


def measure_snr(stamps: Image, sigma: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """SNR √(Σ p²)/σ of noise-free stamps."""
    snr: np.ndarray[Any, Any] = np.sqrt(np.square(stamps, dtype=np.float64).sum(axis=(1, 2))) / sigma
    return snr
