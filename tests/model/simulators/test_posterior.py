"""The prior-aware reference: right where the answer is known, and refused where it rests on too little."""

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from components.core.errors import AssayError
from components.core.settings import ProblemSettings
from components.fields.randomness import row_seeds
from components.problems.galaxy_shape.problem import GalaxyShape
from components.simulators.importance_sampling import sample_posterior
from components.simulators.sersic.posterior import galaxy_posterior
from components.simulators.sersic.prior import PARAMETERS, log_prior, sample_prior

Array = np.ndarray[Any, np.dtype[np.float64]]


@settings(max_examples=10)
@given(st.floats(-0.8, 0.8), st.floats(0.1, 10), st.integers(0, 100))
def test_moments_of_a_gaussian_are_found(correlation: float, sd: float, seed: int) -> None:
    covariance = np.array([[1, correlation * sd], [correlation * sd, sd**2]])
    inverse = np.linalg.inv(covariance)
    mean = np.array([3.0, -2.0 * sd])

    def log_density(points: Array) -> Array:
        return np.asarray(-0.5 * np.einsum("sp,pq,sq->s", points - mean, inverse, points - mean))

    found = sample_posterior(log_density, mean + 1, np.diag([4.0, 4 * sd**2]), samples=1000, seed=seed)
    np.testing.assert_allclose((found.mean - mean) / [1, sd], 0, atol=0.1)
    np.testing.assert_allclose(found.sd / [1, sd], 1, atol=0.1)
    assert found.effective_samples > 1000


def test_prior_that_cuts_a_gaussian_in_half_is_seen() -> None:
    def log_density(points: Array) -> Array:
        return np.where(points[:, 0] > 0, -0.5 * points[:, 0] ** 2, -np.inf)

    found = sample_posterior(log_density, np.zeros(1), np.eye(1), samples=4000, seed=1)
    assert found.mean[0] == pytest.approx(np.sqrt(2 / np.pi), abs=0.03)
    assert found.sd[0] == pytest.approx(np.sqrt(1 - 2 / np.pi), abs=0.03)


def test_too_few_effective_samples_are_refused() -> None:
    def log_density(points: Array) -> Array:
        return np.asarray(-0.5 * ((points / 1e-3) ** 2).sum(axis=1))

    with pytest.raises(AssayError, match=r"effective sample size \d+ of 200 is below 400: ask for more samples"):
        sample_posterior(log_density, np.ones(5), np.eye(5), samples=100, rounds=2, seed=1)
    with pytest.raises(AssayError, match="none of 100 samples lies where the posterior is"):
        sample_posterior(
            lambda points: np.full(len(points), -np.inf), np.ones(5), np.eye(5), samples=100, rounds=1, seed=1
        )


def test_prior_is_that_of_the_draws(settings: ProblemSettings) -> None:
    """In the plane of the shear, a tenth of the prior lies within a tenth of its largest length."""
    prior: Any = settings.simulate
    drawn = sample_prior(prior, np.random.default_rng(1), 2000)[list(PARAMETERS)].to_numpy()
    assert np.isfinite(log_prior(drawn, prior)).all()
    shear = np.linspace(0.01, 0.66, 50)
    points = np.tile([1.0, 3.0, 0.3, 0.0, 0.0], (50, 1))
    points[:, 3] = shear
    density = np.exp(log_prior(points, prior)) * shear
    np.testing.assert_allclose(density, density[0])
    for column, value in ((0, 4.5), (1, 0.4), (2, 0.61), (4, 0.68)):
        outside = np.array([[1.0, 3.0, 0.3, 0.0, 0.0]])
        outside[0, column] = value
        assert log_prior(outside, prior)[0] == -np.inf


@pytest.mark.slow
@pytest.mark.ci
def test_posteriors_of_galaxies_cover_the_truth(settings: ProblemSettings) -> None:
    """Averaged over the prior, the error of the posterior mean has the posterior's own variance."""
    import torch

    prior: Any = settings.simulate
    problem = GalaxyShape()
    shard = problem.draw(prior, "train", range(24))
    rows = shard.columns.iloc[:24]
    stored = {name: torch.tensor(rows[name].to_numpy(dtype=np.float32)) for name in (*PARAMETERS, *problem.conditions)}
    stored["stamp"] = torch.from_numpy(shard.arrays["stamp"][:24])
    inputs, _ = problem.present(stored, row_seeds([3], np.arange(24)), cast(Any, settings), training=False)
    images = inputs["image"].numpy()
    pulls, ratios = [], []
    for row, (_, galaxy) in enumerate(rows.iterrows()):
        truth = galaxy[list(PARAMETERS)].to_numpy(dtype=np.float64)
        found, log_density = galaxy_posterior(
            images[row], float(galaxy["sigma"]), float(galaxy["psf_fwhm"]), truth, prior, samples=1000, seed=row
        )
        pulls.append((truth - found.mean) / found.sd)
        # If p is the density, the mean of q / p over draws of p is 1 for any density q within it.
        inner = multivariate_normal(found.mean, 0.3 * found.covariance)
        drawn = found.draws(300, np.random.default_rng(row))
        ratios.append(np.mean(np.exp(inner.logpdf(drawn) - log_density(drawn))))
    spread = np.sqrt(np.mean(np.square(pulls), axis=0))
    assert ((spread > 0.6) & (spread < 1.5)).all(), spread  # 24 draws: sd of an sd is 0.15
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)


def test_a_density_is_normalised_and_its_quantiles_and_draws_are_its_own() -> None:
    def log_density(points: Array) -> Array:
        return np.asarray(5 - 0.5 * (points[:, 0] / 2) ** 2)

    found = sample_posterior(log_density, np.zeros(1), np.eye(1), samples=4000, seed=2)
    assert found.log_evidence == pytest.approx(5 + 0.5 * np.log(2 * np.pi) + np.log(2), abs=0.02)
    np.testing.assert_allclose(found.quantiles([0.16, 0.5, 0.84])[0], [-1.99, 0, 1.99], atol=0.1)
    assert found.draws(4000, np.random.default_rng(0)).std() == pytest.approx(2, abs=0.1)
