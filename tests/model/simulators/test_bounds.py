"""The bound: the known values, GalSim's finite differences, its laws, and the reference that knows the prior."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from components.core.settings import ProblemSettings
from components.core.workspace import Workspace
from components.simulators.sersic.bounds import (
    biased_bound,
    correlation_bound,
    cramer_rao_bound,
    fisher_matrix,
    galaxy_fisher,
)
from components.simulators.sersic.drawing import bound_sersics
from components.simulators.sersic.galsim_drawing import REFERENCE, draw_with_galsim
from components.simulators.sersic.prior import FLUX_UNIT, PARAMETERS, sample_prior
from models.galaxies.parameters import Camera
from tests.drills.commands import assay_here, refused

BENCHMARK = torch.tensor([[1e5, 3.0, 0.3, -0.069, 0.15]], dtype=torch.float64)
FWHM = torch.tensor([0.5], dtype=torch.float64)
OPTIONS = [
    "--flux",
    "1",
    "--n",
    "3",
    "--half-light-radius",
    "0.3",
    "--g1",
    "-0.069",
    "--g2",
    "0.15",
    "--psf-fwhm",
    "0.5",
]


def fisher(sigma: float = 200.0, *, shot_noise: bool = False, free_centroid: bool = False) -> Tensor:
    sigmas = torch.tensor([sigma], dtype=torch.float64)
    return galaxy_fisher(BENCHMARK, FWHM, sigmas, Camera(), shot_noise=shot_noise, free_centroid=free_centroid)


@pytest.mark.parametrize("free_centroid", [False, True])
@pytest.mark.parametrize(
    ("sigma", "shot_noise", "expected"),
    [
        (400, False, (0.1123, 1.530, 0.0570, 0.1072, 0.1083)),
        (200, False, (0.0561, 0.765, 0.0285, 0.0536, 0.0541)),
        (200, True, (0.0565, 0.777, 0.0287, 0.0543, 0.0549)),
    ],
)
def test_bound_of_the_benchmark_galaxy_is_the_known_one(
    sigma: float, shot_noise: bool, expected: tuple[float, ...], free_centroid: bool
) -> None:
    crb = cramer_rao_bound(fisher(sigma, shot_noise=shot_noise, free_centroid=free_centroid))[0, :5]
    crb[0] /= FLUX_UNIT
    np.testing.assert_allclose(crb, expected, rtol=0.01)


def test_correlations_of_the_benchmark_galaxy_are_the_known_ones() -> None:
    correlation = correlation_bound(fisher())[0]
    found = [float(correlation[a, b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(found, (0.78, 0.87, 0.51), atol=0.005)
    assert float(correlation[3:, :3].abs().max()) < 0.12


def test_bounds_are_those_of_finite_differences_of_galsim(settings: ProblemSettings) -> None:
    """benchmarks/bounds.py does this for fifty galaxies."""
    prior: Any = settings.simulate
    galaxies = sample_prior(prior, np.random.default_rng(11), 3)
    np.testing.assert_allclose(bound_sersics(galaxies, prior), bounds_with_galsim(galaxies, prior), rtol=0.01)


def bounds_with_galsim(galaxies: pd.DataFrame, prior: Any) -> np.ndarray[Any, Any]:
    derivatives = []
    for name, step in zip(PARAMETERS, (0.01, 0.01, 0.001, 0.001, 0.001), strict=True):
        above, below = (
            draw_with_galsim(galaxies.assign(**{name: galaxies[name] + move}), prior, REFERENCE)
            for move in (step, -step)
        )
        derivatives.append((above - below) / (2 * step))
    variance = galaxies["sigma"].to_numpy()[:, None, None] ** 2
    if prior.shot_noise:
        variance = variance + np.maximum(draw_with_galsim(galaxies, prior, REFERENCE), 0)
    derivative = torch.from_numpy(np.stack(derivatives, axis=1))
    shape = (len(galaxies), prior.size, prior.size)
    return cramer_rao_bound(
        fisher_matrix(derivative, torch.from_numpy(np.broadcast_to(variance, shape).copy()))
    ).numpy()


@given(st.floats(0.1, 10))
@settings(max_examples=10)
def test_bound_is_proportional_to_the_noise(factor: float) -> None:
    expected = factor * cramer_rao_bound(fisher(200.0))
    torch.testing.assert_close(cramer_rao_bound(fisher(factor * 200.0)), expected)


def test_image_that_cannot_tell_two_parameters_apart_has_no_bound() -> None:
    same = torch.rand(1, 1, 8, 8).expand(1, 2, 8, 8)
    assert bool(cramer_rao_bound(fisher_matrix(same, torch.ones(1, 8, 8))).isinf().all())
    nothing = torch.cat([torch.rand(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)], dim=1)
    assert bool(cramer_rao_bound(fisher_matrix(nothing, torch.ones(1, 8, 8))).isinf().all())


@given(st.integers(0, 2**31), st.floats(-0.98, 0.98), st.floats(0.1, 10))
def test_shrinking_to_the_prior_has_the_error_that_the_biased_bound_says(seed: int, together: float, sd: float) -> None:
    """The posterior mean of Gaussian truths under correlated Gaussian noise reaches its own biased bound."""
    rng = np.random.default_rng(seed)
    covariance = np.array([[1.0, together], [together, 1.0]]) * np.outer(*[rng.uniform(0.1, 3, 2)] * 2)
    weight = sd**2 * np.linalg.inv(sd**2 * np.eye(2) + covariance)  # of the image, against the prior's mean of 0
    truth = rng.normal(0, sd, 2)
    bias, slope = (weight - np.eye(2)) @ truth, weight - np.eye(2)
    rmse = np.sqrt(bias**2 + np.diag(weight @ covariance @ weight.T))
    values = [torch.from_numpy(value) for value in (bias, slope, covariance)]
    np.testing.assert_allclose(biased_bound(*values).numpy(), rmse, rtol=1e-9)
    answers = truth + bias + rng.multivariate_normal(np.zeros(2), covariance, 4000) @ weight.T
    np.testing.assert_allclose(np.sqrt(np.mean((answers - truth) ** 2, axis=0)), rmse, rtol=0.1)


def test_an_answer_may_lean_on_a_parameter_that_goes_along_with_it() -> None:
    """Below the bound that its own slope alone would give, and at its own."""
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]], dtype=torch.float64)
    slope = torch.tensor([[0.0, -0.9], [0.0, 0.0]], dtype=torch.float64)  # the first less 0.9 of the second's error
    bound = biased_bound(torch.zeros(2, dtype=torch.float64), slope, covariance)
    assert float(bound[0]) == pytest.approx((1 - 0.9**2) ** 0.5)


def test_bad_galaxies_are_refused_by_name() -> None:
    for sigma in (0.0, float("nan")):
        with pytest.raises(ValueError, match=re.escape(f"sigma[0] = {sigma:g}: must be above 0 counts")):
            fisher(sigma)
    outside = BENCHMARK.clone()
    outside[0, 1] = 8
    with pytest.raises(ValueError, match=re.escape("n[0] = 8: must be within 0.3 to 6.2")):
        galaxy_fisher(outside, FWHM, 200 * FWHM, Camera(), shot_noise=False)
    with pytest.raises(ValueError, match="sigma has shape"):
        galaxy_fisher(BENCHMARK, FWHM, torch.ones(2), Camera(), shot_noise=False)


def test_command_prints_the_bound(workspace: Workspace) -> None:
    done = assay_here(workspace, "bound", "galaxy-shape", *OPTIONS, "--sigma", "200", "--shot-noise", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["snr"] == pytest.approx(60, rel=0.01)
    expected = {"flux": 0.0565, "n": 0.777, "half_light_radius": 0.0287, "g1": 0.0543, "g2": 0.0549}
    assert answer["crb"] == pytest.approx(expected, rel=0.01)
    table = assay_here(workspace, "bound", "galaxy-shape", *OPTIONS, "--sigma", "400")
    assert "SNR 30" in table.stdout
    assert "1.533" in table.stdout


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--n", "7", "n = 7: must be within 0.3 to 6.2"),
        ("--flux", "0", "flux = 0: must be above 0"),
        ("--half-light-radius", "nan", "half_light_radius = nan: must be above 0"),
        ("--g1", "-1.2", "must be below 1"),
        ("--psf-fwhm", "0.01", "fwhm = 0.01: must be at least 0.115 arcsec"),
        ("--sigma", "-3", "sigma = -3: must be above 0"),
    ],
)
def test_command_refuses_impossible_galaxies(workspace: Workspace, option: str, value: str, said: str) -> None:
    refused(assay_here(workspace, "bound", "galaxy-shape", *OPTIONS, "--sigma", "200", option, value), said)


def test_fisher_matrices_come_in_any_number(settings: ProblemSettings) -> None:
    prior: Any = replace(settings.simulate, shot_noise=False)  # type: ignore[call-arg]
    galaxies = sample_prior(prior, np.random.default_rng(1), 600)
    every = bound_sersics(galaxies, prior)
    np.testing.assert_allclose(bound_sersics(galaxies.iloc[255:258], prior), every[255:258], rtol=2e-6)
