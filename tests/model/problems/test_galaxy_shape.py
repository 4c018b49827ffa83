"""galaxy-shape: the interface, the published benchmark, and the physics of its images."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch

from components.core.settings import ProblemSettings
from components.fields.dataset import Dataset
from components.fields.evaluation import Evaluation
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.problems.galaxy_shape.presentation import augment, observe
from components.problems.galaxy_shape.problem import GalaxyShape
from components.simulators.sersic.drawing import draw_sersics
from components.simulators.sersic.prior import PARAMETERS, measure_snr, sample_prior
from models.fields import Arrays
from models.networks import network_names
from services.requests import BadRequestError, read_items
from tests.answers import stated
from tests.model.problems.problem_conformance import CPU, ProblemConformance

BENCHMARK = {"flux": 1.0, "n": 3.0, "half_light_radius": 0.3, "g1": -0.069, "g2": 0.15, "psf_fwhm": 0.5}


class TestGalaxyShape(ProblemConformance):
    """The conformance tests on galaxy-shape."""

    networks = network_names()
    waits = 20  # of galaxies drawn again: how many are of which kind

    def test_evaluation_knows_a_perfect_answer_from_a_useless_one(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """The mean of the training truths, and a cheat that looks up the image without noise."""
        rows = small_dataset.rows("test")
        known = small_dataset.read(("stamp", *PARAMETERS), rows)
        truths = torch.stack([known[name] for name in PARAMETERS], dim=1)
        train = small_dataset.read(PARAMETERS, small_dataset.rows("train"))
        mean = torch.stack([train[name] for name in PARAMETERS], dim=1).mean(dim=0)

        def evaluated(*, perfect: bool) -> Evaluation:
            def answer(inputs: Arrays, targets: Arrays | None = None) -> dict[str, torch.Tensor]:
                image = inputs["image"]
                nearest = torch.cdist(image.flatten(1), known["stamp"].flatten(1)).argmin(dim=1)
                value = truths[nearest] if perfect else mean.expand(len(image), -1)
                return stated(value, torch.ones_like(value), PARAMETERS, targets)

            with tempfile.TemporaryDirectory() as cache:
                return problem.evaluate(
                    answer, small_dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
                )

        perfect, useless = evaluated(perfect=True), evaluated(perfect=False)
        rmse = [of.metrics["posterior.rmse_over_crb.test.g1"] for of in (perfect, useless)]
        assert rmse[0].high < 0.5 < rmse[1].low
        limit = perfect.tables["failures"].groupby("axis")["limit_power"]
        assert set(limit.first().index[limit.count() == 0]) == {"sigma", "snr", "psf_fwhm"}  # a model is told of these
        assert limit.min().dropna().to_numpy() == pytest.approx(0.01)


@pytest.mark.parametrize("renderer", ["torch", "galsim"])
@pytest.mark.parametrize(("snr", "sigma"), [(30, 400), (60, 200)])
def test_benchmark_galaxy_has_its_published_snr(
    settings: ProblemSettings, renderer: str, snr: float, sigma: float
) -> None:
    simulation: Any = replace(settings.simulate, renderer=renderer)  # type: ignore[call-arg]
    stamps = draw_sersics(pd.DataFrame([BENCHMARK]), simulation)
    assert measure_snr(stamps, np.array([sigma]))[0] == pytest.approx(snr, rel=0.01)


def test_benchmark_case_carries_the_known_bound(settings: ProblemSettings) -> None:
    simulation: Any = settings.simulate
    case = GalaxyShape().benchmark_cases(simulation)[1]
    np.testing.assert_allclose(case.bound, (0.0565, 0.777, 0.0287, 0.0543, 0.0549), rtol=0.01)


def test_renderers_draw_the_same_galaxies(settings: ProblemSettings) -> None:
    prior: Any = settings.simulate
    galaxies = sample_prior(prior, np.random.default_rng(1), 4)
    ours, theirs = (draw_sersics(galaxies, replace(prior, renderer=name)) for name in ("torch", "galsim"))
    assert not np.array_equal(ours, theirs)
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * float(ours.max()))


def test_galsim_datasets_keep_to_the_indices_that_it_has_tables_for(settings: ProblemSettings) -> None:
    prior: Any = replace(settings.simulate, renderer="galsim")  # type: ignore[call-arg]
    rng = np.random.default_rng(1)
    assert sample_prior(prior, rng, 1000)["n"].nunique() == prior.distinct_n
    assert sample_prior(replace(prior, renderer="torch"), rng, 1000)["n"].nunique() > 990


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"psf_fwhm": 50}, r"images\[0\]\.psf_fwhm is 50: must be above 0.115 and below 10"),
        ({"psf_fwhm": 0.1}, r"images\[0\]\.psf_fwhm is 0.1: must be above 0.115 and below 10"),
        ({"sigma": 1e30}, r"images\[0\]\.sigma is 1e\+30: must be above 20 and below 4000"),
        ({"sigma": 1}, r"images\[0\]\.sigma is 1: must be above 20 and below 4000"),
    ],
)
def test_conditions_far_from_all_that_was_trained_are_refused(
    settings: ProblemSettings, changed: dict[str, float], said: str
) -> None:
    simulation: Any = settings.simulate
    fields = GalaxyShape().inputs(simulation)
    item = {"image": np.zeros((64, 64)).tolist(), "sigma": 200.0, "psf_fwhm": 0.7}
    assert read_items([item], fields, most=256)["sigma"][0] == 200
    with pytest.raises(BadRequestError, match=said):
        read_items([{**item, **changed}], fields, most=256)


def test_noise_has_the_variance_of_read_noise_and_counts(settings: ProblemSettings) -> None:
    stamp, simulation = torch.full((400, 64, 64), 90_000.0), cast(Any, settings.simulate)
    conditions = torch.tensor([[200.0, 0.5]]).expand(400, 2)
    image = observe(stamp, conditions, row_seeds([0], np.arange(400)), simulation)
    assert float(image.mean()) == pytest.approx(90_000, abs=1)
    assert float(image.var()) == pytest.approx(200**2 + 90_000, rel=0.01)


def test_symmetry_moves_the_shear_with_the_image(settings: ProblemSettings) -> None:
    """Drawing a galaxy with the moved shear gives the moved image: the labels are right under every symmetry."""
    prior: Any = settings.simulate
    galaxies = sample_prior(prior, np.random.default_rng(3), 4)
    stamps = torch.from_numpy(draw_sersics(galaxies, prior).astype(np.float32))
    truth = torch.from_numpy(galaxies[list(PARAMETERS)].to_numpy(dtype=np.float32, copy=True))
    seen = set()
    for seed in range(12):
        image, moved = augment(stamps, truth, row_seeds([seed], np.arange(4)))
        redrawn = galaxies.assign(**dict(zip(PARAMETERS, moved.numpy().T, strict=True)))
        peak = float(stamps.max())
        np.testing.assert_allclose(image.numpy(), draw_sersics(redrawn, prior), atol=1e-4 * peak)
        seen.add(image[0].numpy().tobytes())
    assert len(seen) == 4  # a galaxy looks the same after half a turn


def test_snr_cut_and_prior_hold_in_the_dataset(settings: ProblemSettings, small_dataset: Dataset) -> None:
    catalogue: pd.DataFrame = small_dataset.catalogue
    assert catalogue["snr"].between(10, 100).all()
    stamps = small_dataset.read(("stamp",), np.arange(len(catalogue)))["stamp"].numpy()
    np.testing.assert_allclose(measure_snr(stamps, catalogue["sigma"].to_numpy()), catalogue["snr"], rtol=1e-5)
    assert np.hypot(catalogue["g1"], catalogue["g2"]).max() <= 0.67 + 1e-6  # six decimals
