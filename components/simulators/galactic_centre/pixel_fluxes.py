"""How bright the sources of each pixel may be, given the image and all else: what chains draw fluxes from.

    fluxes = PixelFluxes(settings, psf, count_bhw)
    for colour in fluxes.colours:
        log_bcf, rest_bcj = fluxes.log_chances(expected_bn, prior_bnf, chosen_bn, colour)

Legend of the shape suffixes: as in `chains.py`.
"""

import numpy as np
import torch
from torch import Tensor

from components.core import AssayError
from components.simulators.galactic_centre.colours import Colour, Colours
from components.simulators.galactic_centre.flux_grid import FluxGrid
from components.simulators.galactic_centre.point_sources import CentreLaw, DiskLaw
from components.simulators.galactic_centre.prior import Array, GalacticCentreSettings

__label__ = "galactic_centre_pixel_fluxes"

_MOST_SOURCES = 0.75
"""Of the most that are counted in a pixel, on average: one Poisson number in twenty is larger then, in the worst."""


class PixelFluxes:
    """The law of each pixel's flux.

    Args:
        settings: prior and camera.
        psf: as of `psf_matrix`.
        count_bhw: what was seen.

    Raises:
        AssayError: when pixels may have more sources than are counted.
    """

    def __init__(self, settings: GalacticCentreSettings, psf: Tensor, count_bhw: Tensor) -> None:
        self.colours, self._grid = Colours(settings, psf), FluxGrid.of(settings)
        shares = [law(settings).shares().ravel() for law in (CentreLaw, DiskLaw)]
        self.flux_f, self._mass_mf, self._share_sn = (
            torch.tensor(of, dtype=torch.float32, device=psf.device)
            for of in (self._grid.flux_f, self._grid.mass_kf, np.stack(shares))
        )
        self._seen_bn = self.colours.pad(count_bhw)
        count_s = [settings.centre_sources.count[1], settings.disk_sources.count[1]]
        most = float((np.array(count_s) @ np.stack(shares)).max())
        if most > _MOST_SOURCES * (len(self._mass_mf) - 1):
            raise AssayError(
                f"up to {most:.0f} sources a pixel on average, and chains count up to {len(self._mass_mf) - 1} in one: "
                "fewer sources or more pixels (simulate.size) can be sampled"
            )

    def numbers(self, flux_bhw: Array) -> Tensor:
        """Numbers of the grid's fluxes that are nearest, shape (b, n)."""
        return torch.as_tensor(self._grid.numbers(flux_bhw), device=self.flux_f.device).flatten(1)

    def prior(self, mean_bs: Tensor) -> Tensor:
        """Chances of each flux of the grid in each pixel before any image, shape (b, n, f)."""
        return self._source_numbers(mean_bs) @ self._mass_mf

    def log_prior(self, mean_bs: Tensor, chosen_bn: Tensor) -> Tensor:
        """Of the fluxes of all pixels together, up to a constant, shape (b,)."""
        mass_bnm = self._mass_mf.T[chosen_bn]
        chance_bn = (self._source_numbers(mean_bs) * mass_bnm).sum(dim=2)
        return chance_bn.log().sum(dim=1, dtype=torch.float64)

    def draw_numbers(self, mean_bs: Tensor, chosen_bn: Tensor, generator: torch.Generator) -> Tensor:
        """How many sources of each kind a sky has, drawn given its pixels' fluxes, shape (b, s).

        Args:
            mean_bs: of the numbers.
            chosen_bn: numbers of the fluxes.
            generator: of random numbers.
        """
        chance_bnm = self._source_numbers(mean_bs) * self._mass_mf.T[chosen_bn]
        share_bnm = chance_bnm.cumsum(dim=2)
        number_bn1 = torch.rand(*chosen_bn.shape, 1, generator=generator, device=chosen_bn.device)
        held_bn = torch.searchsorted(share_bnm, number_bn1 * share_bnm[:, :, -1:], right=True)[:, :, 0].float()
        of_kind_sbn = mean_bs.T[:, :, None] * self._share_sn[:, None]
        centre_bn = torch.binomial(held_bn, of_kind_sbn[0] / of_kind_sbn.sum(dim=0).clamp_min(1e-12), generator)
        return torch.stack([centre_bn.sum(dim=1), (held_bn - centre_bn).sum(dim=1)], dim=1)

    def log_chances(
        self, expected_bn: Tensor, prior_bnf: Tensor, chosen_bn: Tensor, colour: Colour
    ) -> tuple[Tensor, Tensor]:
        """Of each flux in pixels of one colour, up to a constant, and what is expected under their PSFs without it.

        Args:
            expected_bn: counts, with the margin.
            prior_bnf: logarithms of `prior`.
            chosen_bn: numbers of the fluxes as they stand.
            colour: of `colours`.
        """
        at_c, under_cj, spread_j = colour
        was_bc = self.flux_f[chosen_bn[:, at_c]]
        rest_bcj = expected_bn[:, under_cj] - was_bc[:, :, None] * spread_j
        seen_bcj = self._seen_bn[:, under_cj]
        mean_bcjf = rest_bcj[..., None].clamp_min(1e-3) + spread_j[:, None] * self.flux_f
        # The pixels under a PSF that lie beyond the edge were not seen.
        there_cj = self.colours.within_n[under_cj]
        lost_cf = (there_cj * spread_j).sum(dim=1)[:, None] * self.flux_f
        log_bcf = torch.einsum("bcj,bcjf->bcf", seen_bcj, mean_bcjf.log_()) - lost_cf + prior_bnf[:, at_c]
        return log_bcf, rest_bcj

    def _source_numbers(self, mean_bs: Tensor) -> Tensor:
        """Chances of 0, 1, … sources in each pixel, shape (b, n, m): Poisson, what is beyond the last left out."""
        mean_bn1 = (mean_bs @ self._share_sn)[:, :, None].clamp_min(1e-12)
        number_m = torch.arange(len(self._mass_mf), dtype=torch.float32, device=mean_bn1.device)
        return (number_m * mean_bn1.log() - mean_bn1 - torch.lgamma(number_m + 1)).exp()
