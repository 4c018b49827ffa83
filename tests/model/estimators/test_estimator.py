"""Answers in physical units: scales that go there and back, Gaussians that integrate, intervals that are quantiles."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from models.estimators.numbers import LEVELS, NumbersEstimator
from models.estimators.numbers.gaussian import read_gaussian, vector_length
from models.estimators.numbers.known import KnownByNetwork
from models.estimators.numbers.scales import Scales
from tests.estimators import CONFIG

OUTPUTS = [
    {"name": "flux", "scale": "log_over_noise", "mean": 2.0, "sd": 0.5},
    {"name": "n", "scale": "uniform", "low": 0.5, "high": 6.0},
    {"name": "radius", "scale": "log", "mean": -1.0, "sd": 0.4},
    {"name": "g1", "scale": "linear", "mean": 0.0, "sd": 0.2},
]


@given(
    flux=st.floats(0.01, 100),
    n=st.floats(0.51, 5.99),
    radius=st.floats(0.01, 5),
    g1=st.floats(-0.9, 0.9),
    noise=st.floats(1, 1000),
)
def test_scales_go_there_and_back(flux: float, n: float, radius: float, g1: float, noise: float) -> None:
    scales, noise_b = Scales(OUTPUTS), torch.tensor([noise])
    physical = torch.tensor([[flux, n, radius, g1]])
    back = scales.physical(scales.standardise(physical, noise_b), noise_b)
    torch.testing.assert_close(back, physical, rtol=2e-4, atol=1e-5)


def test_unknown_scale_is_named() -> None:
    with pytest.raises(ValueError, match="scale of flux = 'cubic': must be one of linear"):
        Scales([{"name": "flux", "scale": "cubic"}])


def test_an_image_that_says_nothing_gets_the_prior_of_a_uniform_scale() -> None:
    scales = Scales(OUTPUTS)
    mean, covariance = scales.physical_moments(torch.zeros(1, 4), torch.eye(4)[None], torch.ones(1))
    assert float(mean[0, 1]) == pytest.approx(3.25, abs=1e-3)
    assert float(covariance[0, 1, 1]) ** 0.5 == pytest.approx(5.5 / 12**0.5, rel=5e-3)


@pytest.mark.parametrize("mean", [-1e6, -30.0, 30.0, 1e6])
def test_answers_beyond_the_edge_of_a_scale_keep_a_finite_value_and_a_positive_error(mean: float) -> None:
    value, covariance = Scales(OUTPUTS).physical_moments(
        torch.full((1, 4), mean), 1e-5 * torch.eye(4)[None], torch.ones(1)
    )
    error = covariance.diagonal(dim1=1, dim2=2).sqrt()
    assert value.isfinite().all()
    assert error.isfinite().all()
    assert (error > 0).all()


@given(mean=st.floats(-8, 8), log_sd=st.floats(-6, 1))
@example(mean=3.7, log_sd=-5.0)
def test_what_float32_makes_of_an_answer_is_within_the_tolerance_of_its_proof(mean: float, log_sd: float) -> None:
    """At the edge of a uniform scale errors shrink to nothing, and a tolerance relative to them would, too."""
    outputs = [{"name": "r", "scale": "uniform", "low": 0.1, "high": 0.6}]
    estimator = NumbersEstimator(CONFIG | {"outputs": outputs})
    told = (torch.tensor([[mean]]), torch.tensor([[[math.exp(2 * log_sd)]]]), torch.tensor([200.0]))
    value, covariance = estimator.scales.physical_moments(*told)
    exact, variance = Scales(outputs).double().physical_moments(*(tensor.double() for tensor in told))
    field = estimator.outputs[0]
    allowed = field.absolute + field.relative * float(variance.sqrt())
    assert abs(float(value) - float(exact)) <= allowed
    assert abs(float(covariance.sqrt()) - float(variance.sqrt())) <= allowed


@given(mean=st.floats(-1.5, 1.5), sd=st.floats(0.05, 0.8), correlation=st.floats(-0.9, 0.9))
def test_moments_are_those_of_samples(mean: float, sd: float, correlation: float) -> None:
    scales, noise_b = Scales(OUTPUTS), torch.tensor([50.0])
    covariance = sd**2 * ((1 - correlation) * torch.eye(4) + correlation * torch.ones(4, 4))
    # Equal correlations below −1/3 are no covariance of four variables.
    if torch.linalg.eigvalsh(covariance).min() <= 0:
        return
    centre = torch.full((1, 4), mean)
    drawn = (
        centre
        + torch.randn(200_000, 4, generator=torch.Generator().manual_seed(0)) @ torch.linalg.cholesky(covariance).T
    )
    samples = scales.physical(drawn, noise_b.expand(len(drawn)))
    value, spread = scales.physical_moments(centre, covariance[None], noise_b)
    torch.testing.assert_close(value[0], samples.mean(dim=0), rtol=0.01, atol=0.003)
    torch.testing.assert_close(spread[0].diagonal().sqrt(), samples.std(dim=0), rtol=0.02, atol=0.001)


@given(seed=st.integers(0, 10_000))
def test_gaussian_is_the_one_that_torch_knows(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vector, truth = torch.randn(6, vector_length(5), generator=generator), torch.randn(6, 5, generator=generator)
    gaussian = read_gaussian(vector, 5)
    factor = gaussian.factor_bpp.double()
    known = torch.distributions.MultivariateNormal(gaussian.mean_bp.double(), precision_matrix=factor.mT @ factor)
    constant = 2.5 * np.log(2 * np.pi)
    loss = gaussian.negative_log_likelihood(truth)
    likelihood = known.log_prob(truth.double())  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss.double(), -likelihood - constant, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(gaussian.log_density(truth).double(), likelihood, rtol=1e-3, atol=1e-2)
    samples = gaussian.samples(4000)
    torch.testing.assert_close(samples.mean(dim=2), gaussian.mean_bp, rtol=1e-3, atol=1e-3)  # drawn in pairs
    apart = (samples - gaussian.mean_bp[:, :, None]).double()
    spread = gaussian.covariance().double().diagonal(dim1=1, dim2=2).sqrt()
    found = apart @ apart.mT / 4000 / (spread[:, :, None] * spread[:, None])
    torch.testing.assert_close(
        found, gaussian.covariance() / (spread[:, :, None] * spread[:, None]), rtol=0, atol=0.15, check_dtype=False
    )
    torch.testing.assert_close(gaussian.covariance().double(), known.covariance_matrix, rtol=1e-3, atol=1e-4)


def test_a_density_in_physical_units_integrates_to_one() -> None:
    """Over a grid of each parameter alone: what the scales do to lengths is counted."""
    for index, (low, high) in enumerate([(0.5, 40), (0.5, 6.0), (0.01, 3), (-1.5, 1.5)]):
        output = OUTPUTS[index]
        estimator = NumbersEstimator(CONFIG | {"outputs": [output]}).eval()
        vector = torch.tensor([[0.3, -0.7]])
        edges = torch.linspace(low, high, 20_001)
        middle = ((edges[1:] + edges[:-1]) / 2)[:, None]
        gaussian = read_gaussian(vector.expand(len(middle), -1), 1)
        conditions = torch.tensor([[1.0, 0.5]]).expand(len(middle), -1)
        known = KnownByNetwork(gaussian=gaussian, scales=estimator.scales, noise_b=conditions[:, 0])
        density = known.log_density(middle).exp()
        assert float((density * edges.diff()).sum()) == pytest.approx(1, abs=2e-3), output["name"]


def test_any_vector_is_a_distribution() -> None:
    for size in (0.0, 1e3, -1e3):
        gaussian = read_gaussian(torch.full((1, vector_length(5)), size), 5)
        assert gaussian.covariance().isfinite().all()
        assert (gaussian.covariance().diagonal(dim1=1, dim2=2) > 0).all()


def test_intervals_are_nested_quantiles_around_the_median() -> None:
    torch.manual_seed(0)
    estimator = NumbersEstimator(CONFIG).eval()
    with torch.inference_mode():
        answer = estimator.answers(200 * torch.randn(4, 64, 64), torch.tensor([[200.0, 0.5]]).expand(4, -1))
    (low68, high68), (low95, high95) = answer.interval(0.68), answer.interval(0.95)
    median = answer.quantile_bpq[:, :, LEVELS.index(0.5)]
    for inner, outer in ((low95, low68), (low68, median), (median, high68), (high68, high95)):
        assert (inner < outer).all()
    assert torch.equal(answer.mean_bp, answer.network_bp)
    with pytest.raises(ValueError, match=r"probability = 0\.77: must be 0\.68"):
        answer.interval(0.77)
