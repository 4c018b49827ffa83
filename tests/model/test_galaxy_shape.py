"""galaxy-shape: the interface, the published benchmark, and the physics of its images."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from components.datasets import Dataset
from components.problems.galaxy_shape import GalaxyShape
from components.settings import ProblemSettings
from components.simulators.sersic import draw_sersic, draw_sersics, measure_snr, sample_prior
from components.simulators.sersic_shards import bound_of
from tests.model.problem_conformance import ProblemConformance

BENCHMARK = {"flux": 1.0, "n": 3.0, "half_light_radius": 0.3, "g1": -0.069, "g2": 0.15, "psf_fwhm": 0.5}
CAMERA = {"size": 64, "pixel_scale": 0.23, "psf_beta": 2.0}


class TestGalaxyShape(ProblemConformance):
    """The conformance tests on galaxy-shape."""


@pytest.mark.parametrize(
    ("sigma", "shot_noise", "expected"),
    [
        (400, False, (0.1123, 1.530, 0.0570, 0.1072, 0.1083)),
        (200, False, (0.0561, 0.765, 0.0285, 0.0536, 0.0541)),
        (200, True, (0.0565, 0.777, 0.0287, 0.0543, 0.0549)),
    ],
)
def test_bound_of_the_benchmark_galaxy_is_the_known_one(
    settings: ProblemSettings, sigma: float, shot_noise: bool, expected: tuple[float, ...]
) -> None:
    simulation: Any = settings.simulate
    object.__setattr__(simulation, "shot_noise", shot_noise)
    bound = bound_of({**BENCHMARK, "sigma": sigma}, simulation)
    np.testing.assert_allclose(bound, expected, rtol=0.01)


@pytest.mark.parametrize(("snr", "sigma"), [(30, 400), (60, 200)])
def test_benchmark_galaxy_has_its_published_snr(snr: float, sigma: float) -> None:
    stamp = draw_sersic(**BENCHMARK, **CAMERA)  # type: ignore[arg-type]
    assert measure_snr(stamp[None].astype(np.float32), np.array([sigma]))[0] == pytest.approx(snr, rel=0.01)


def test_noise_has_the_variance_of_read_noise_and_counts(settings: ProblemSettings) -> None:
    problem = GalaxyShape()
    stamp = torch.full((400, 64, 64), 90_000.0)
    conditions = torch.tensor([[200.0, 0.5]]).expand(400, 2)
    image = problem.observe(stamp, conditions, torch.Generator().manual_seed(0), settings.simulate)
    assert float(image.mean()) == pytest.approx(90_000, abs=1)
    assert float(image.var()) == pytest.approx(200**2 + 90_000, rel=0.01)


def test_symmetry_moves_the_shear_with_the_image(settings: ProblemSettings) -> None:
    """Drawing a galaxy with the moved shear gives the moved image: the labels are right under every symmetry."""
    problem = GalaxyShape()
    prior: Any = settings.simulate
    galaxies = sample_prior(prior, np.random.default_rng(3), 4)
    stamps = torch.from_numpy(draw_sersics(galaxies, prior))
    truth = torch.from_numpy(galaxies[list(problem.truths)].to_numpy(dtype=np.float32, copy=True))
    generator = torch.Generator().manual_seed(0)
    for _ in range(12):
        image, moved = problem.augment(stamps, truth, generator)
        redrawn = galaxies.assign(**dict(zip(problem.truths, moved.numpy().T, strict=True)))
        peak = float(stamps.max())
        np.testing.assert_allclose(image.numpy(), draw_sersics(redrawn, prior), atol=1e-4 * peak)


def test_snr_cut_and_prior_hold_in_the_dataset(settings: ProblemSettings, small_dataset: Dataset) -> None:
    catalogue: pd.DataFrame = small_dataset.catalogue
    assert catalogue["snr"].between(10, 100).all()
    stamps = small_dataset.stamps(np.arange(len(catalogue)))
    np.testing.assert_allclose(measure_snr(stamps, catalogue["sigma"].to_numpy()), catalogue["snr"], rtol=1e-5)
    assert catalogue["n"].nunique() <= 24
    assert np.hypot(catalogue["g1"], catalogue["g2"]).max() <= 0.67
