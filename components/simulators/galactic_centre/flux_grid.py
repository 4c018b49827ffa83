"""How bright a pixel's sources are together, on a grid of fluxes: what a sampler chooses from.

    grid = FluxGrid.of(settings)
    grid.mass_kf[k]                          # chances of each flux of the grid for k sources in the pixel

Sums of log-normal fluxes have no closed law: one source's is convolved with itself on a fine grid, and gathered into
bins that are even in the logarithm; a bin stands for its mean under one source.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import stats

from components.simulators.galactic_centre.prior import Array, GalacticCentreSettings

__label__ = "galactic_centre_flux_grid"

_ENDS = (0.1, 2000.0)
"""Counts: of the bins between the first and the last, in which one source in 300 and one in 50 million lies."""
_STEP = 0.01
"""Counts, of the fine grid."""


@dataclass(frozen=True, kw_only=True)
class FluxGrid:
    """Fluxes, and how likely each is."""

    edge_f: Array
    """Ends of the bins of fluxes above 0, counts, shape (f,); the last is infinite."""
    flux_f: Array
    """Counts, ascending from 0, shape (f,)."""
    mass_kf: Array
    """Chances that 0, 1, … sources have each flux together, shape (k, f); rows sum to 1."""

    @classmethod
    def of(cls, settings: GalacticCentreSettings, *, fluxes: int = 64, sources: int = 32) -> "FluxGrid":
        """The grid.

        Args:
            settings: the law of one source's flux.
            fluxes: of the grid, with 0.
            sources: at the most in one pixel.
        """
        return _grid(settings.source_flux.mean, settings.source_flux.sd, fluxes, sources)

    def numbers(self, flux: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Numbers of the grid's fluxes whose bins some fluxes lie in."""
        numbers: np.ndarray[Any, np.dtype[np.int64]] = np.where(
            flux > 0, np.searchsorted(self.edge_f, flux, "right"), 0
        )
        return numbers


@lru_cache(maxsize=4)
def _grid(mean: float, sd: float, fluxes: int, sources: int) -> FluxGrid:
    one = stats.lognorm(sd, scale=np.exp(mean))
    edge_f = np.concatenate([[0.0], np.geomspace(*_ENDS, fluxes - 2), [np.inf]])
    mass = [np.eye(1, fluxes)[0], np.append(0.0, np.diff(one.cdf(edge_f)))]
    # Mean flux of a bin: the density of f times f is that of a log-normal whose logarithm is moved by its variance.
    moved = stats.lognorm(sd, scale=np.exp(mean + sd**2))
    weight_f, mass_f = one.mean() * np.diff(moved.cdf(edge_f)), mass[1][1:]
    ends_f = np.append(edge_f[1:-1], edge_f[-2])  # of bins in which no single source lies
    flux_f = np.append(0.0, np.divide(weight_f, mass_f, out=ends_f, where=mass_f > 0))
    points = 1 << int(np.ceil(np.log2(2 * _ENDS[1] / _STEP)))
    spectrum = np.fft.rfft(np.diff(one.cdf(np.arange(points + 1) * _STEP)))
    power = spectrum
    for number in range(2, sources + 1):
        power = power * spectrum
        density = np.maximum(np.fft.irfft(power, n=points), 0)
        # Each of the summed cells stands for its middle.
        place = np.searchsorted(edge_f, (np.arange(points) + number / 2) * _STEP, "right")
        found = np.bincount(place, density, minlength=fluxes)
        mass.append(found / found.sum())
    return FluxGrid(edge_f=edge_f, flux_f=flux_f, mass_kf=np.stack(mass))
