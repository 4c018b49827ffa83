"""Chains sample the posterior of skies around the Galactic Centre."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from components.core.errors import AssayError
from components.fields.randomness import row_seeds
from components.simulators.galactic_centre.chains import Chains
from components.simulators.galactic_centre.flux_grid import FluxGrid
from components.simulators.galactic_centre.point_sources import CentreLaw, DiskLaw
from components.simulators.galactic_centre.prior import (
    AMPLITUDES,
    COUNTS,
    Array,
    CentreSources,
    DiskSources,
    GalacticCentreSettings,
)
from components.simulators.galactic_centre.skies import Skies, draw_skies
from components.simulators.galactic_centre.start import Start, start_of
from tests.model.simulators.test_galactic_centre import EXERCISE

SMALL = replace(
    EXERCISE,
    size=16,
    half_width=3.75,
    centre_sources=CentreSources(count=(20, 80), shape=1.5, scale=5),
    disk_sources=DiskSources(count=(60, 240), length=34.516, height=2.0709),
)
"""The middle of the sky."""


def begun(settings: GalacticCentreSettings, skies: Skies, counts: Array, *, clouds_known: bool = False) -> Chains:
    """Chains at the truth."""
    return Chains(settings, counts, start_of(skies), seed=5, clouds_known=clouds_known)


def test_more_sources_in_a_pixel_than_are_counted_are_refused() -> None:
    crowded = replace(EXERCISE, size=16)  # as many in a sixteenth of the pixels
    skies = draw_skies(crowded, row_seeds([1], np.arange(1)))
    with pytest.raises(
        AssayError, match=r"sources a pixel on average, and chains count up to 32 in one: fewer sources"
    ):
        begun(crowded, skies, skies.expected_bhw.round())
    whole = draw_skies(EXERCISE, row_seeds([1], np.arange(1)))
    assert begun(EXERCISE, whole, whole.expected_bhw.round()).number_bs.shape == (1, 2)


def test_chains_that_begin_at_the_truth_stay_with_the_prior() -> None:
    """Truths are draws of the prior, and so is what any number of sweeps makes of truth and image together."""
    skies = draw_skies(SMALL, row_seeds([3], np.arange(160)))
    counts = np.random.default_rng(1).poisson(skies.expected_bhw).astype(np.float64)
    chains = begun(SMALL, skies, counts)
    for _ in range(12):
        chains.sweep()
    expected_bhw = chains.expected_bhw.numpy()
    assert np.mean((counts - expected_bhw) ** 2 / expected_bhw) == pytest.approx(1, abs=0.03)
    amplitudes, numbers = chains.amplitude_bk.numpy(), chains.number_bs.numpy()
    for k in range(len(AMPLITUDES)):
        assert stats.kstest(amplitudes[:, k], stats.uniform(0, 1).cdf).pvalue > 1e-3, AMPLITUDES[k]
    for k, (least, most) in enumerate(((20, 80), (60, 240))):
        assert stats.kstest(numbers[:, k], stats.uniform(least, most - least + 1).cdf).pvalue > 1e-3, COUNTS[k]
    before, after = (of.sum(axis=(1, 2)) for of in (skies.centre_bhw + skies.disk_bhw, chains.flux_bhw.numpy()))
    assert stats.ks_2samp(before, after).pvalue > 1e-3
    assert (amplitudes != skies.table[list(AMPLITUDES)].to_numpy()).mean() > 0.9
    assert (numbers != skies.table[list(COUNTS)].to_numpy()).mean() > 0.9
    smooth = chains.cloud_bhw.numpy()
    assert smooth[:, 4:-4, 4:-4].std() == pytest.approx(skies.cloud_bhw[:, 4:-4, 4:-4].std(), rel=0.05)


def test_sources_that_are_all_seen_are_counted() -> None:
    """A sky has a number of sources, of which a pixel's Poisson numbers know the mean alone."""
    bright = replace(SMALL, psf_pixels=1, psf_sum="one", source_flux=replace(SMALL.source_flux, mean=6.0, sd=0.2))
    skies = draw_skies(bright, row_seeds([9], np.arange(16)))
    counts = np.random.default_rng(3).poisson(skies.expected_bhw).astype(np.float64)
    chains, known = begun(bright, skies, counts, clouds_known=True), skies.table[list(COUNTS)].to_numpy().sum(axis=1)
    kinds, totals = [], []
    for _ in range(20):
        chains.sweep()
        numbers = chains.number_bs.numpy()
        totals.append(numbers.sum(axis=1))
        kinds.append(numbers[:, 0])
    assert np.std(totals - known) < 0.4 * np.sqrt(known.mean())
    assert np.std(kinds, axis=0).min() > 1  # of which kind each is, nobody sees


def test_mean_numbers_of_sources_forget_within_a_few_sweeps_what_the_fluxes_do_not_say() -> None:
    """With short steps chains remember where they began for so long that errors from the truth come out too small."""
    skies = draw_skies(EXERCISE, row_seeds([6], np.arange(6)))
    chains, drawn = begun(EXERCISE, skies, skies.expected_bhw.round()), []
    for _ in range(150):
        chains._move_means(chains.expected_bhw)
        drawn.append(chains._mean_bs.numpy())
    off_sbk = np.stack(drawn) - np.mean(drawn, axis=0)
    remembered_k = (off_sbk[5:] * off_sbk[:-5]).mean(axis=(0, 1)) / np.square(off_sbk).mean(axis=(0, 1))
    assert remembered_k.max() < 0.3


def test_fluxes_are_drawn_by_their_posterior() -> None:
    """Under a PSF of one pixel each pixel stands alone, and its posterior is a sum over the grid."""
    alone = replace(SMALL, psf_pixels=1, psf_sum="one")
    skies = draw_skies(alone, row_seeds([4], np.arange(1)))
    counts = np.random.default_rng(2).poisson(skies.expected_bhw).astype(np.float64)
    repeated = 3000
    start = Start(
        amplitude_bk=skies.table[list(AMPLITUDES)].to_numpy().repeat(repeated, axis=0),
        number_bs=skies.table[list(COUNTS)].to_numpy().repeat(repeated, axis=0),
        flux_bhw=(skies.centre_bhw + skies.disk_bhw).repeat(repeated, axis=0),
        cloud_bhw=skies.cloud_bhw.repeat(repeated, axis=0),
    )
    chains = Chains(alone, np.repeat(counts, repeated, axis=0), start, seed=6, clouds_known=True)
    chains._draw_fluxes()
    drawn_bhw = chains.flux_bhw.numpy()
    grid = FluxGrid.of(alone)
    shares = np.stack([law(alone).shares() for law in (CentreLaw, DiskLaw)])
    mean_hw = np.einsum("s,shw->hw", skies.table[list(COUNTS)].to_numpy()[0], shares)
    diffuse_hw = (skies.expected_bhw - skies.centre_bhw - skies.disk_bhw)[0]
    for row, column in ((8, 8), (7, 3), (0, 15), (12, 9)):
        prior_f = stats.poisson.pmf(np.arange(len(grid.mass_kf)), mean_hw[row, column]) @ grid.mass_kf
        posterior_f = prior_f * stats.poisson.pmf(counts[0, row, column], diffuse_hw[row, column] + grid.flux_f)
        posterior_f /= posterior_f.sum()
        found_f = np.bincount(grid.numbers(drawn_bhw[:, row, column]), minlength=len(posterior_f))
        often = posterior_f * repeated > 10
        expected = np.append(posterior_f[often], posterior_f[~often].sum()) * repeated
        seen = np.append(found_f[often], found_f[~often].sum())
        assert stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-3


def test_sums_of_fluxes_follow_their_law() -> None:
    grid = FluxGrid.of(EXERCISE)
    for count in (1, 3, 10):
        flux = np.random.default_rng(count).lognormal(1.0, 1.2, (200_000, count)).sum(axis=1)
        found_f = np.bincount(grid.numbers(flux), minlength=len(grid.flux_f)) / len(flux)
        assert found_f == pytest.approx(grid.mass_kf[count], abs=0.003)
        assert grid.mass_kf[count] @ grid.flux_f == pytest.approx(count * np.exp(1 + 0.72), rel=5e-3)


def test_shares_of_pixels_are_those_of_sources() -> None:
    for law in (CentreLaw(EXERCISE), DiskLaw(EXERCISE)):
        x, y = law.places(*np.random.default_rng(7).random((2, 1_000_000)))
        edges = np.linspace(-15, 15, 65)
        found, _, _ = np.histogram2d(y, x, bins=(edges, edges))
        expected = 1e6 * law.shares()
        deviation = (found - expected) / np.sqrt(expected)
        assert np.mean(deviation[expected > 5] ** 2) == pytest.approx(1, abs=0.1)


def test_chains_are_repeatable_by_their_seed() -> None:
    skies = draw_skies(SMALL, row_seeds([3], np.arange(4)))
    counts = np.random.default_rng(1).poisson(skies.expected_bhw).astype(np.float64)
    first, again = begun(SMALL, skies, counts), begun(SMALL, skies, counts)
    for chains in (first, again):
        chains.sweep()
    assert torch.equal(first.expected_bhw, again.expected_bhw)
