"""The limit of what tests can find: nothing where nothing departs, more the more does, and as simulated tests find."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from components.core.settings import ProblemSettings
from components.simulators.sersic.detectability import (
    ChangeDetector,
    power_of_correlated_noise,
    power_of_misstated_noise,
    power_of_zeroed_pixels,
)
from components.simulators.sersic.drawing import draw_sersics
from models.galaxies import render_with_derivatives

GALAXIES = pd.DataFrame(
    {
        "flux": [1.0, 2.5],
        "n": [3.0, 1.2],
        "half_light_radius": [0.3, 0.5],
        "g1": [-0.069, 0.3],
        "g2": [0.15, -0.2],
        "psf_fwhm": [0.5, 0.8],
        "sigma": [200.0, 300.0],
    }
)


@pytest.fixture
def detector(settings: ProblemSettings) -> ChangeDetector:
    simulation: Any = settings.simulate
    return ChangeDetector(GALAXIES, simulation)


def sky(level: float) -> np.ndarray[Any, Any]:
    """A constant of so many σ."""
    return np.broadcast_to(level * GALAXIES["sigma"].to_numpy()[:, None, None], (2, 64, 64))


def test_power_is_the_false_alarms_where_nothing_changes_and_rises(detector: ChangeDetector) -> None:
    powers = np.stack([detector.power(sky(level)) for level in (0, 0.01, 0.02, 0.05, 0.1, 0.5)])
    assert powers[0] == pytest.approx(0.01)
    assert (np.diff(powers, axis=0) > 0).all()
    assert powers[-1] == pytest.approx(1)
    np.testing.assert_allclose(detector.power(sky(-0.05)), detector.power(sky(0.05)))


def test_what_another_galaxy_could_make_up_for_is_never_found(
    detector: ChangeDetector, settings: ProblemSettings
) -> None:
    simulation: Any = settings.simulate
    brighter = draw_sersics(GALAXIES.assign(flux=1.1 * GALAXIES["flux"]), simulation)
    assert detector.power(brighter - draw_sersics(GALAXIES, simulation)) == pytest.approx(0.01, abs=1e-4)


def test_limit_is_what_a_simulated_test_finds(detector: ChangeDetector, settings: ProblemSettings) -> None:
    """The sky as a sixth parameter of a least-squares fit: its value over its error, under noise of both kinds."""
    simulation: Any = settings.simulate
    level, count, rng = 0.04, 4000, np.random.default_rng(5)
    row = torch.tensor([[2.5e5, 1.2, 0.5, 0.3, -0.2]], dtype=torch.float64)
    image, derivatives = render_with_derivatives(row, torch.tensor([0.8], dtype=torch.float64), simulation.camera)
    sd = np.sqrt(300.0**2 + image[0].clamp_min(0).numpy()) if simulation.shot_noise else np.full((64, 64), 300.0)
    columns = np.stack([*derivatives[0].numpy(), np.full((64, 64), 300.0)]).reshape(6, -1) / sd.ravel()
    columns /= np.linalg.norm(columns, axis=1, keepdims=True)  # parameters differ by orders of magnitude
    fit = np.linalg.pinv(columns.T)[-1]
    noise = rng.normal(size=(count, 64 * 64))
    # Any other galaxy nearby, and the sky.
    seen = noise + rng.normal(0, 3, (count, 5)) @ columns[:5] + level * 300.0 / sd.ravel()
    found = (seen @ fit / np.linalg.norm(fit) > stats.norm.isf(0.01)).mean()
    expected = float(detector.power(sky(level))[1])
    assert 0.2 < expected < 0.8
    assert found == pytest.approx(expected, abs=4 * (expected * (1 - expected) / count) ** 0.5)


@pytest.mark.parametrize("stated", [0.97, 1.0, 1.03])
def test_limit_of_misstated_noise_is_that_of_chi2(stated: float) -> None:
    degrees, count = 4091, 200_000
    drawn = np.random.default_rng(3).chisquare(degrees, count)
    if stated > 1:
        found = (drawn / stated**2 < np.quantile(drawn, 0.01)).mean()
    else:
        found = (drawn / stated**2 > np.quantile(drawn, 0.99)).mean()
    assert power_of_misstated_noise(stated, degrees) == pytest.approx(found, abs=0.01)


def test_limit_of_correlated_noise_is_that_of_the_likelihoods_ratio() -> None:
    """Modes of a real image are so many χ² of one degree of freedom: here drawn as those."""
    rng, modes = np.random.default_rng(4), 4096
    spectrum = 1 + 0.08 * np.cos(np.linspace(0, 2 * np.pi, modes, endpoint=False))
    white = rng.chisquare(1, (1500, modes)) @ (1 - 1 / spectrum)
    other = (rng.chisquare(1, (1500, modes)) * spectrum) @ (1 - 1 / spectrum)
    found = (other > np.quantile(white, 0.99)).mean()
    assert 0.2 < found < 0.8
    assert power_of_correlated_noise(spectrum) == pytest.approx(found, abs=0.06)
    assert power_of_correlated_noise(np.ones(modes)) == 0.01


def test_limit_of_zeroed_pixels_is_one_as_soon_as_there_are_some() -> None:
    assert power_of_zeroed_pixels(0, 4096) == pytest.approx(0.01)
    assert power_of_zeroed_pixels(1 / 4096, 4096) == pytest.approx(1 - 0.99 * np.exp(-1), abs=1e-3)
    assert power_of_zeroed_pixels(0.01, 4096) == pytest.approx(1)
