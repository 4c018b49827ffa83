"""Skies around the Galactic Centre have the laws and the statistics that they are to have."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from components.core.errors import AssayError
from components.fields.randomness import row_seeds
from components.simulators.galactic_centre.brackets import known_sources, linear_errors
from components.simulators.galactic_centre.chains import Chains
from components.simulators.galactic_centre.point_sources import CentreLaw, DiskLaw
from components.simulators.galactic_centre.prior import (
    AMPLITUDES,
    Array,
    Bubbles,
    CentreSources,
    DarkMatter,
    DiskSources,
    GalacticCentreSettings,
    Gas,
    InverseCompton,
    SourceFlux,
)
from components.simulators.galactic_centre.skies import Skies, draw_skies
from components.simulators.galactic_centre.start import start_of
from components.simulators.galactic_centre.templates import clouds, steady_templates

EXERCISE = GalacticCentreSettings(
    count=1000, seed=1, shard_size=100, validation_fraction=0.1, test_fraction=0.1, confirmation_fraction=0.1,
    size=64, half_width=15, psf_sigma=0.2667, psf_pixels=5, psf_sum="peak", rotated=False, amplitude=(0, 1),
    dark_matter=DarkMatter(brightness=100, shape=0.5, scale=5),
    inverse_compton=InverseCompton(brightness=25, height=5),
    gas=Gas(brightness=50, width=20, height=5, softness=8, smoothing=0.25),
    bubbles=Bubbles(brightness=3, edge=0.6, north=(10.5, 1, 1), south=(8.7, -1.7, 1)),
    centre_sources=CentreSources(count=(200, 799), shape=1.5, scale=5),
    disk_sources=DiskSources(count=(1000, 3999), length=34.516, height=2.0709),
    source_flux=SourceFlux(mean=1.0, sd=1.2),
)  # fmt: skip
"""As the summer school drew them, with its kernel."""


def skies(settings: GalacticCentreSettings = EXERCISE, *, count: int = 300, seed: int = 7) -> Skies:
    return draw_skies(settings, row_seeds([seed], np.arange(count)))


def test_skies_have_the_statistics_of_those_that_were_published() -> None:
    """Of 300 skies; their numbers of sources scatter by 1.7 % in the mean, which moves all but the maximum."""
    drawn = skies()
    counts = np.random.default_rng(3).poisson(drawn.expected_bhw)
    assert counts.mean() == pytest.approx(33.1, rel=0.06)
    assert np.median(counts.max(axis=(1, 2))) == pytest.approx(343, rel=0.06)
    both_bhw = drawn.centre_bhw + drawn.disk_bhw
    for of, published in ((both_bhw > 0, 0.314), (drawn.centre_bhw > 0.8, 0.088), (drawn.disk_bhw > 0.8, 0.248)):
        assert of.mean() == pytest.approx(published, rel=0.06)


def test_what_is_expected_is_the_sum_of_the_components_through_the_kernel() -> None:
    """Away from the edges, where none of it falls off, the kernel of the exercise makes 2.047 of each count."""
    bright = replace(EXERCISE, psf_sum="one")
    drawn, normal = skies(count=64), skies(bright, count=64)
    assert drawn.expected_bhw == pytest.approx(2.0475 * normal.expected_bhw, rel=1e-3, abs=2e-3)
    amplitude_bk = normal.table[list(AMPLITUDES)].to_numpy()
    steady_bhw = np.einsum("bk,khw->bhw", amplitude_bk, steady_templates(bright))
    before = steady_bhw + normal.centre_bhw + normal.disk_bhw
    inside = np.s_[:, 2:-2, 2:-2]
    assert normal.expected_bhw[inside].sum() == pytest.approx(before[inside].sum(), rel=0.01)
    assert normal.expected_bhw.sum() < before.sum()


def test_brackets_of_the_least_error_are_the_published_ones() -> None:
    """sd of A_dm between 0.040, with every source known, and 0.170, of the best weighted sum of pixels."""
    low_bk, high_bk = (bracket(EXERCISE, skies(count=4, seed=5)) for bracket in (known_sources, linear_errors))
    assert (low_bk < high_bk).all()
    assert np.sqrt((low_bk[:, 0] ** 2).mean()) == pytest.approx(0.040, rel=0.25)
    assert np.sqrt((high_bk[:, 0] ** 2).mean()) == pytest.approx(0.170, rel=0.25)


@pytest.mark.parametrize(
    ("place", "analytic"),
    [
        (0, lambda x, y: 100 * stats.gamma.pdf(np.hypot(x, y), 0.5, scale=5)),
        (1, lambda x, y: 50 * np.exp(-((x / 20) ** 2) - (y / 5) ** 2)),
        (2, lambda x, y: 25 * np.exp(-abs(y) / 5)),
        (3, lambda x, y: 3 / (1 + np.exp(-(y - 10.5 * (np.cosh((-x - 1) / 10.5) - 1) - 1) / 0.6)) if y > 0
            else 3 / (1 + np.exp(-(-8.7 * (np.cosh((-x + 1.7) / 8.7) - 1) - 1 - y) / 0.6))),
    ],
)  # fmt: skip
def test_templates_are_those_of_their_formulas(place: int, analytic: object) -> None:
    template_hw = steady_templates(EXERCISE)[place]
    for row, column in ((0, 0), (31, 32), (40, 10), (63, 5), (12, 60)):
        x, y = (column - 31.5) * 0.46875, (row - 31.5) * 0.46875
        assert template_hw[row, column] == pytest.approx(analytic(x, y))  # type: ignore[operator]


def test_clouds_are_smoothed_noise_of_the_stated_softness() -> None:
    noise_bhw = np.random.default_rng(1).standard_normal((200, 64, 64))
    denser = clouds(EXERCISE, noise_bhw)[:, 8:-8, 8:-8]
    kernel = np.exp(-0.5 * (np.arange(-3, 4) * 0.46875 / 0.25) ** 2)
    sd = (kernel**2).sum() / kernel.sum() ** 2  # of one axis, squared: two axes make it the standard deviation
    assert denser.std() == pytest.approx(sd, rel=0.01)
    beside = np.mean(denser[:, :, 1:] * denser[:, :, :-1]) / denser.var()
    assert beside == pytest.approx((kernel[1:] * kernel[:-1]).sum() / (kernel**2).sum(), abs=0.01)


def _kept(x: Array, y: Array) -> tuple[Array, Array]:
    """Sources outside of the field are drawn again: those within are kept."""
    inside = (abs(x) <= 15) & (abs(y) <= 15)
    return x[inside], y[inside]


def test_sources_lie_as_those_that_were_drawn_again_until_they_lay_within() -> None:
    rng, count = np.random.default_rng(5), 200_000
    radius, angle = rng.gamma(1.5, 5, count), rng.uniform(0, 2 * np.pi, count)
    centre = _kept(radius * np.cos(angle), radius * np.sin(angle))
    radius, height = rng.exponential(34.516, 2 * count), rng.exponential(2.0709, 2 * count)
    side = np.sign(rng.uniform(-1, 1, 2 * count))
    disk = _kept(radius * np.cos(rng.uniform(0, 2 * np.pi, 2 * count)), height * side)
    for law, rejected in ((CentreLaw(EXERCISE), centre), (DiskLaw(EXERCISE), disk)):
        x, y = law.places(*rng.random((2, count)))
        assert max(abs(x).max(), abs(y).max()) <= 15
        pairs = (
            (x, rejected[0]),
            (y, rejected[1]),
            (np.hypot(x, y), np.hypot(*rejected)),
            (x - y, np.subtract(*rejected)),
        )
        for ours, theirs in pairs:
            assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


def test_numbers_and_fluxes_of_sources_follow_their_laws() -> None:
    drawn = skies(count=200)
    table = drawn.table
    for name, sources, (least, most) in (("N_gc", drawn.centre, (200, 799)), ("N_disk", drawn.disk, (1000, 3999))):
        found = np.bincount(sources.sky_n, minlength=200)
        assert (found == table[name]).all()
        assert (least <= found).all()
        assert (found <= most).all()
        assert stats.kstest(table[name], stats.uniform(least, most - least + 1).cdf).pvalue > 1e-3
    assert stats.kstest(np.log(drawn.disk.flux_n[:50_000]), stats.norm(1.0, 1.2).cdf).pvalue > 1e-3
    edges = np.linspace(-15, 15, 65)
    own = drawn.centre.sky_n == 3
    places = (drawn.centre.y_n[own], drawn.centre.x_n[own])
    flux_hw, _, _ = np.histogram2d(*places, bins=(edges, edges), weights=drawn.centre.flux_n[own])
    assert drawn.centre_bhw[3] == pytest.approx(flux_hw)


def test_a_sky_is_decided_by_its_seed_alone() -> None:
    together, first = skies(count=70), skies(count=33)
    assert (together.expected_bhw[:33] == first.expected_bhw).all()
    assert len(np.unique(together.expected_bhw[:, 30, 30])) == 70
    own = together.disk.sky_n < 33
    for column, alone in zip(together.disk, first.disk, strict=True):
        assert (column[own] == alone).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"psf_pixels": 4}, "psf_pixels = 4"),
        ({"centre_sources": CentreSources(count=(9, 8), shape=1, scale=1)}, r"\[9, 8\]"),
    ],
)
def test_settings_that_make_no_sky_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(EXERCISE, **wrong)  # type: ignore[arg-type]


def test_turned_skies_are_the_same_skies_seen_by_a_turned_camera() -> None:
    """Means over many skies, turned back: those of skies that lie as they are, where the field reaches at any angle."""
    turned = skies(replace(EXERCISE, rotated=True), count=600, seed=3)
    level = skies(EXERCISE, count=600, seed=4)
    angle = turned.table["angle"].to_numpy()
    assert stats.kstest(angle / (2 * np.pi), "uniform").pvalue > 1e-3
    across, up = np.meshgrid(EXERCISE.places, EXERCISE.places)

    def along_the_plane(maps: Array, angles: Array) -> Array:
        """Mean brightness by the distance to the plane, within 12° from the centre."""
        found = []
        for image, of in zip(maps, angles, strict=True):
            away = np.abs(np.cos(of) * up - np.sin(of) * across)
            inside = np.hypot(across, up) < 12
            run = np.digitize(away[inside], (1, 2, 4, 8))
            found.append(np.bincount(run, image[inside], 5) / np.bincount(run, minlength=5))
        return np.array(found)

    for of in ("disk_bhw", "centre_bhw", "expected_bhw"):
        ours = along_the_plane(getattr(turned, of), angle)
        others = along_the_plane(getattr(level, of), np.zeros(600))
        error = np.hypot(ours.std(axis=0), others.std(axis=0)) / 600**0.5
        assert (np.abs(ours.mean(axis=0) - others.mean(axis=0)) < 4.5 * error).all(), of


def test_chains_refuse_skies_that_are_turned() -> None:
    turned = replace(EXERCISE, rotated=True)
    drawn = skies(turned, count=2)
    with pytest.raises(AssayError, match=r"set simulate\.rotated to false"):
        Chains(turned, drawn.expected_bhw, start_of(drawn), seed=1)
