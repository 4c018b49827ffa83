"""What HSM and sep measure: the figures that are known of Gaussians, and nothing where nothing is."""

from typing import Any

import numpy as np
import pytest

from components.core.settings import ProblemSettings
from components.simulators.sersic.hsm_moments import adaptive_moments
from components.simulators.sersic.prior import FLUX_UNIT, Array
from components.simulators.sersic.sep_photometry import kron_photometry

FLUX, SCALE, SIGMA = 2.0, 0.23, 300.0
"""1e5 counts, arcsec a pixel, counts."""


def gaussian(g1: float, g2: float, size: float, *, at: tuple[float, float] = (31.5, 31.5)) -> Array:
    """A Gaussian of this size in pixels, sheared with its area kept, not blurred by pixels."""
    y, x = np.mgrid[:64, :64] - np.array(at)[:, None, None]
    matrix = np.array([[1 + g1, g2], [g2, 1 - g1]]) / np.sqrt(1 - g1**2 - g2**2)
    u, v = np.einsum("ij,jhw->ihw", np.linalg.inv(matrix), np.stack([x, y]))
    profile: Array = FLUX * FLUX_UNIT * np.exp(-(u**2 + v**2) / (2 * size**2)) / (2 * np.pi * size**2)
    return profile


@pytest.mark.parametrize(("g1", "g2", "size"), [(0.0, 0.0, 2.0), (0.2, -0.1, 3.0), (-0.3, 0.3, 2.5)])
def test_moments_of_a_gaussian_are_its_own(settings: ProblemSettings, g1: float, g2: float, size: float) -> None:
    simulation: Any = settings.simulate
    found = adaptive_moments(gaussian(g1, g2, size)[None], simulation.pixel_scale)
    np.testing.assert_allclose(found, [[size * SCALE, g1, g2]], atol=1e-3)


def test_kron_flux_and_half_light_radius_of_a_gaussian(settings: ProblemSettings) -> None:
    """A Kron ellipse holds at least 94 % of most galaxies' light; the radius is that of half of what it holds."""
    simulation: Any = settings.simulate
    ((flux, radius),) = kron_photometry(gaussian(0.0, 0.0, 3.0)[None], np.array([SIGMA]), simulation)
    assert 0.94 * FLUX < flux < 1.001 * FLUX
    share = flux / FLUX
    assert radius == pytest.approx(3 * SCALE * np.sqrt(-2 * np.log(1 - share / 2)), rel=0.01)


def test_the_object_in_the_middle_is_measured(settings: ProblemSettings) -> None:
    simulation: Any = settings.simulate
    alone = gaussian(0.0, 0.0, 2.0)
    beside = alone + 3 * gaussian(0.0, 0.0, 2.0, at=(31.5, 58.0))
    found = kron_photometry(np.stack([alone, beside]), np.full(2, SIGMA), simulation)
    np.testing.assert_allclose(found[1], found[0], rtol=0.02)


def test_nothing_is_measured_where_nothing_is(settings: ProblemSettings) -> None:
    simulation: Any = settings.simulate
    empty = np.random.default_rng(1).normal(0, SIGMA, (1, 64, 64)) / 100
    assert np.isnan(kron_photometry(empty, np.array([SIGMA]), simulation)).all()
    assert np.isnan(adaptive_moments(0 * empty, simulation.pixel_scale)).all()
