"""The exact posterior of skies around the Galactic Centre, by Gibbs sampling: one chain for each sky, all at once.

    chains = Chains(settings, count_bhw, start_of(skies), seed=1)
    for _ in range(sweeps):
        chains.sweep()
        chains.amplitude_bk, chains.number_bs, chains.flux_bhw, chains.expected_bhw

Counts are Poisson numbers of B (A · T + F), B the PSF, T the templates, F the flux of each pixel's sources. A pixel's
sources are a Poisson number of log-normal ones, and its flux is drawn from a grid (`pixel_fluxes.py`) given all else;
the PSF is five pixels wide, so that every fifth pixel of every fifth row is drawn at the same time. Amplitudes and
mean numbers of sources follow by Metropolis steps, the clouds of the gas by elliptical slices (Murray, Adams & MacKay
2010). Pixels are independent given the means; a sky's own numbers of sources, any of the prior's as likely, are drawn
from what its pixels hold, under means of which any is as likely: a Poisson number of an even mean is even. Where they
leave the prior a sweep is taken back, which leaves the posterior as it is since a sweep is as likely to go backwards.
A chain that begins at the truth begins with a draw of the posterior: nothing has to be burnt in.

Legend of the shape suffixes: b skies, h rows, w columns, n pixels, k diffuse components, s kinds of sources, f fluxes
of the grid, c pixels of one colour, j pixels under a PSF, m numbers of sources in a pixel.
"""

import math

import numpy as np
import torch
from torch import Tensor

from components.core import AssayError
from components.simulators.galactic_centre.blurring import cloud_matrix, psf_matrix
from components.simulators.galactic_centre.pixel_fluxes import PixelFluxes
from components.simulators.galactic_centre.prior import AMPLITUDES, Array, GalacticCentreSettings
from components.simulators.galactic_centre.start import Start
from components.simulators.galactic_centre.templates import steady_templates

__label__ = "galactic_centre_chains"

_GAS = AMPLITUDES.index("A_pi0")
_STEPS = 8
"""Metropolis steps of amplitudes and of mean numbers in each sweep."""
_SLICES = 4
"""Elliptical slices of the clouds in each sweep."""
_STRIDE = 1.5
"""Of mean numbers of sources, in units of the square root of their mean over the prior, times a random factor: about
their spread given the fluxes. With a fifth of it chains take four times as long to forget (`benchmarks/sky_limits`)."""
_BEYOND = 5.0
"""Standard deviations of a Poisson number that its mean may lie beyond the prior's numbers."""


class Chains:
    """Chains of several skies.

    Args:
        settings: prior and camera.
        count_bhw: what was seen.
        start: the state to begin with.
        seed: of the sampling.
        clouds_known: whether the gas is known as it is, as no one knows it who has only the image.
        device: where to sample.

    Raises:
        AssayError: when pixels may have more sources than are counted, or skies are turned.
    """

    def __init__(
        self,
        settings: GalacticCentreSettings,
        count_bhw: Array,
        start: Start,
        *,
        seed: int,
        clouds_known: bool = False,
        device: torch.device | None = None,
    ) -> None:
        if settings.rotated:
            raise AssayError("chains sample skies as they lie: set simulate.rotated to false")
        self._settings, self._clouds_known = settings, clouds_known
        self._generator = torch.Generator(device or "cpu").manual_seed(seed)
        self._device = device or torch.device("cpu")
        self._psf, self._smooth = self._tensor(psf_matrix(settings)), self._tensor(cloud_matrix(settings))
        self._steady_khw = self._tensor(steady_templates(settings))
        ends = [settings.centre_sources.count, settings.disk_sources.count]
        self._ends_2s = self._tensor(np.array(ends, dtype=np.float64).T)
        self._mean_ends_2s = self._ends_2s + _BEYOND * self._ends_2s.sqrt() * self._tensor(np.array([[-1.0], [1.0]]))
        self._mean_ends_2s.clamp_min_(0)
        self._count_bhw = self._tensor(count_bhw)
        self._fluxes = PixelFluxes(settings, self._psf, self._count_bhw)
        self.amplitude_bk, self.number_bs = self._tensor(start.amplitude_bk), self._tensor(start.number_bs)
        # What is known of a mean by its Poisson number, where any mean is as likely.
        mean_bs = self._tensor(np.random.default_rng(seed).gamma(start.number_bs + 1))
        self._mean_bs = mean_bs.clamp(*self._mean_ends_2s)
        self.cloud_bhw = self._tensor(start.cloud_bhw)
        self._chosen_bn = self._fluxes.numbers(start.flux_bhw)
        self._renew_templates()

    @property
    def flux_bhw(self) -> Tensor:
        """Of all sources in each pixel, counts, before the PSF."""
        return self._fluxes.flux_f[self._chosen_bn].view_as(self._count_bhw)

    @property
    def expected_bhw(self) -> Tensor:
        """Counts that are expected in each pixel."""
        return self._diffuse(self.amplitude_bk) + self._blur(self.flux_bhw)

    def sweep(self) -> None:
        """Draw everything once given all else, forwards or backwards; a sky whose numbers leave the prior stays."""
        before = (self.amplitude_bk, self._mean_bs, self.cloud_bhw, self._chosen_bn.clone(), self.number_bs)
        backwards = bool(self._uniform(1) < 0.5)
        if not backwards:
            self._draw_fluxes()
        sources_bhw = self._blur(self.flux_bhw)
        moves = (self._move_amplitudes, self._move_means, self._move_clouds)
        for move in reversed(moves) if backwards else moves:
            move(sources_bhw)
        if backwards:
            self._draw_fluxes(backwards=True)
        self.number_bs = self._fluxes.draw_numbers(self._mean_bs, self._chosen_bn, self._generator)
        outside_b = ((self.number_bs < self._ends_2s[0]) | (self.number_bs > self._ends_2s[1])).any(dim=1)
        if outside_b.any():
            now = (self.amplitude_bk, self._mean_bs, self.cloud_bhw, self._chosen_bn, self.number_bs)
            self.amplitude_bk, self._mean_bs, self.cloud_bhw, self._chosen_bn, self.number_bs = (
                torch.where(outside_b.view(-1, *[1] * (new.dim() - 1)), old, new)
                for old, new in zip(before, now, strict=True)
            )
            self._renew_templates()

    def flux_chances(self) -> Tensor:
        """Chances of each flux of the grid in each pixel given the image and all else as it stands, shape (b, n, f).

        Their mean over a chain is the posterior's, and less noisy than shares of draws (Gelfand & Smith 1990); at the
        truth they are what a detector says that knows the background and all other sources.
        """
        expected_bn, prior_bnf = self._before_fluxes()
        chance_bnf = torch.empty_like(prior_bnf)
        for colour in self._fluxes.colours:
            log_bcf, _ = self._fluxes.log_chances(expected_bn, prior_bnf, self._chosen_bn, colour)
            chance_bnf[:, colour.at_c] = log_bcf.softmax(dim=2)
        return chance_bnf

    def _draw_fluxes(self, *, backwards: bool = False) -> None:
        """Each pixel's flux given all others, colour by colour."""
        expected_bn, prior_bnf = self._before_fluxes()
        colours = list(self._fluxes.colours)
        for colour in reversed(colours) if backwards else colours:
            log_bcf, rest_bcj = self._fluxes.log_chances(expected_bn, prior_bnf, self._chosen_bn, colour)
            chosen_bc = self._choose(log_bcf)
            self._chosen_bn[:, colour.at_c] = chosen_bc
            flux_bc1 = self._fluxes.flux_f[chosen_bc][:, :, None]
            expected_bn[:, colour.under_cj] = rest_bcj + flux_bc1 * colour.spread_j

    def _before_fluxes(self) -> tuple[Tensor, Tensor]:
        """Counts that are expected, with the margin, and logarithms of the chances of fluxes before any image."""
        return self._fluxes.colours.pad(self.expected_bhw), self._fluxes.prior(self._mean_bs).log()

    def _choose(self, log_bcf: Tensor) -> Tensor:
        share_bcf = torch.softmax(log_bcf, dim=2).cumsum(dim=2)
        number_bc1 = self._uniform(*log_bcf.shape[:2], 1) * share_bcf[:, :, -1:]
        chosen_bc: Tensor = torch.searchsorted(share_bcf, number_bc1)[:, :, 0]
        return chosen_bc.clamp_max(len(self._fluxes.flux_f) - 1)

    def _move_amplitudes(self, sources_bhw: Tensor) -> None:
        """Metropolis steps as wide as what the counts say of amplitudes when sources are known."""
        flat_bkn = self._template_bkhw.flatten(2)
        fisher_bkk = torch.einsum("bkn,bln,bn->bkl", flat_bkn, flat_bkn, 1 / (self._count_bhw.flatten(1) + 1))
        root_bkk = torch.linalg.cholesky(torch.linalg.inv(fisher_bkk.double())).float()
        width, (low, high) = 2.38 / math.sqrt(len(AMPLITUDES)), self._settings.amplitude
        before_b = self._log_likelihood(self._diffuse(self.amplitude_bk) + sources_bhw)
        for _ in range(_STEPS):
            step_bk = width * torch.einsum("bkl,bl->bk", root_bkk, self._normal(*self.amplitude_bk.shape))
            moved_bk = self.amplitude_bk + step_bk
            inside_b = ((moved_bk >= low) & (moved_bk <= high)).all(dim=1)
            after_b = self._log_likelihood(self._diffuse(moved_bk) + sources_bhw)
            taken_b = inside_b & (self._uniform(len(moved_bk)).log() < after_b - before_b)
            self.amplitude_bk = torch.where(taken_b[:, None], moved_bk, self.amplitude_bk)
            before_b = torch.where(taken_b, after_b, before_b)

    def _move_means(self, sources_bhw: Tensor) -> None:  # noqa: ARG002
        """Metropolis steps of the mean numbers of sources, which counts say nothing of beside the fluxes."""
        stride_s, shape = _STRIDE * self._ends_2s.mean(dim=0).sqrt(), self._mean_bs.shape
        before_b = self._fluxes.log_prior(self._mean_bs, self._chosen_bn)
        for _ in range(_STEPS):
            moved_bs = self._mean_bs + stride_s * 4 ** self._uniform(*shape) * self._normal(*shape)
            inside_b = ((moved_bs >= self._mean_ends_2s[0]) & (moved_bs <= self._mean_ends_2s[1])).all(dim=1)
            after_b = self._fluxes.log_prior(moved_bs.clamp_min(0), self._chosen_bn)
            taken_b = inside_b & (self._uniform(len(moved_bs)).log() < after_b - before_b)
            self._mean_bs = torch.where(taken_b[:, None], moved_bs, self._mean_bs)
            before_b = torch.where(taken_b, after_b, before_b)

    def _move_clouds(self, sources_bhw: Tensor) -> None:
        """Elliptical slices: other clouds of the prior turned into these until the counts allow it."""
        if self._clouds_known:
            return
        steady_bhw = self._diffuse(self.amplitude_bk) + sources_bhw - self._gas(self.cloud_bhw)
        for _ in range(_SLICES):
            self._slice_clouds(steady_bhw)
        self._renew_templates()

    def _slice_clouds(self, steady_bhw: Tensor) -> None:
        other_bhw = self._smooth @ self._normal(*self.cloud_bhw.shape) @ self._smooth.T
        level_b = self._log_likelihood(steady_bhw + self._gas(self.cloud_bhw)) + self._uniform(len(other_bhw)).log()
        angle_b = 2 * math.pi * self._uniform(len(other_bhw))
        low_b, high_b = angle_b - 2 * math.pi, angle_b.clone()
        found_bhw, waiting_b = self.cloud_bhw.clone(), torch.ones_like(angle_b, dtype=torch.bool)
        while waiting_b.any():
            cosine_b, sine_b = angle_b.cos()[:, None, None], angle_b.sin()[:, None, None]
            tried_bhw = cosine_b * self.cloud_bhw + sine_b * other_bhw
            fits_b = waiting_b & (self._log_likelihood(steady_bhw + self._gas(tried_bhw)) > level_b)
            found_bhw = torch.where(fits_b[:, None, None], tried_bhw, found_bhw)
            waiting_b = waiting_b & ~fits_b & (high_b - low_b > 1e-6)
            low_b, high_b = torch.where(angle_b < 0, angle_b, low_b), torch.where(angle_b >= 0, angle_b, high_b)
            angle_b = low_b + (high_b - low_b) * self._uniform(len(angle_b))
        self.cloud_bhw = found_bhw

    def _gas(self, cloud_bhw: Tensor) -> Tensor:
        """Counts that the gas adds."""
        amplitude_b = self.amplitude_bk[:, _GAS, None, None]
        return amplitude_b * self._blur(self._steady_khw[_GAS] * (cloud_bhw / self._settings.gas.softness).exp())

    def _renew_templates(self) -> None:
        template_bkhw = self._steady_khw.repeat(len(self.cloud_bhw), 1, 1, 1)
        template_bkhw[:, _GAS] *= (self.cloud_bhw / self._settings.gas.softness).exp()
        self._template_bkhw = self._blur(template_bkhw)

    def _diffuse(self, amplitude_bk: Tensor) -> Tensor:
        return torch.einsum("bk,bkhw->bhw", amplitude_bk, self._template_bkhw)

    def _blur(self, map_bhw: Tensor) -> Tensor:
        return self._psf @ map_bhw @ self._psf.T

    def _log_likelihood(self, expected_bhw: Tensor) -> Tensor:
        mean_bhw = expected_bhw.clamp_min(1e-3)
        return (self._count_bhw * mean_bhw.log() - mean_bhw).sum(dim=(1, 2), dtype=torch.float64)

    def _tensor(self, values: Array) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self._device)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._generator, device=self._device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._device)
