"""point-sources: the interface, how skies are presented, what is measured of answers, and what they doubt."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.evidence.asking import asking
from components.evidence.measuring import Measuring
from components.fields.dataset import Dataset
from components.fields.evaluation import Evaluation
from components.fields.presenting import presented
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.problems import find_problem
from components.problems.point_sources.posterior import sky_posteriors
from components.problems.point_sources.presentation import flux_levels, present
from components.problems.point_sources.truths import MASKS, true_masks
from components.training.familiar import learn_familiar
from models.estimators import FamiliarImages
from models.estimators.sources import COLUMNS, FluxLevels, SourcesEstimator
from models.fields import Arrays
from tests.conftest import HOUSE
from tests.model.problems.problem_conformance import CPU, ProblemConformance
from tests.model.problems.skies import needs_real_sky, real_skies, small_skies
from tests.model.problems.small import fixtures, load_small

SMALL: dict[str, Any] = {
    "simulate": {**small_skies(200, 50), "validation_fraction": 0.2, "confirmation_fraction": 0.1},
    "train": {"epochs": 2, "width": 8, "batch_size": 16, "familiar_images": 1000, "recalibration_images": 64},
    "evaluate": {
        "reference_images": 12, "reference_draws": 8, "fresh_images": 64, "failure_images": 8, "bootstrap": 100,
    },
}  # fmt: skip


def small_settings() -> Any:
    return load_small("point-sources", SMALL)


problem, settings, small_dataset = fixtures("point-sources", small_settings)


class TestPointSources(ProblemConformance):
    """The conformance tests on point-sources."""

    networks = ("deep_unet", "published_unet", "small_unet")
    waits = 1  # for what counts are drawn of


def test_evaluation_knows_a_perfect_answer_from_a_useless_one(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    """A cheat that looks up the sources, and one that says the same of every pixel."""
    known = small_dataset.read(("expected", "sources"), np.arange(len(small_dataset.catalogue)))

    def answering(*, perfect: bool) -> Callable[..., Any]:
        def answer(inputs: Arrays, targets: Arrays | None = None) -> dict[str, torch.Tensor]:
            image = inputs["image"]
            nearest = torch.cdist(image.flatten(1).sqrt(), known["expected"].flatten(1).sqrt()).argmin(dim=1)
            flux = known["sources"][nearest]
            masks = true_masks(flux, settings.train)
            chances = {name: 0.02 + 0.96 * of if perfect else torch.full_like(of, 0.2) for name, of in masks.items()}
            said = torch.where(flux > 0, flux, 0.01) if perfect else torch.full_like(flux, 2.0)
            listed = torch.zeros(len(image), len(COLUMNS), 64)
            score = torch.full((len(image),), 0.1 if perfect else 3.0)
            return {
                **chances, "flux": said, "flux_error": said, "sources": listed, "log_score": score,
                "source_count": torch.zeros(len(image), dtype=torch.int64), "p_value": torch.ones(len(image)),
            }  # fmt: skip

        return answer

    def evaluated(answer: Callable[..., Any]) -> Evaluation:
        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                answer, small_dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
            )

    perfect, useless = (evaluated(answering(perfect=of)).metrics for of in (True, False))
    for mask in MASKS.values():
        assert perfect[f"accuracy.{mask}"].value > 0.97 > useless[f"accuracy.{mask}"].high, mask
        assert perfect[f"auc.{mask}"].value > 0.97, mask
        assert useless[f"auc.{mask}"].value == pytest.approx(0.5, abs=1e-6), mask
        assert perfect[f"ap.{mask}_over_limit"].value > 1.02, f"{mask}: better than anyone can be"
        assert useless[f"ap.{mask}_over_limit"].value < 0.8, mask
        assert useless[f"log_score.{mask}_over_limit"].value > 0.05, mask
        # What needs no network is better than chance, and worse than who knows everything.
        for baseline in ("location", "counts", "filter"):
            assert 0.6 < useless[f"auc.{mask}.{baseline}"].value < perfect[f"auc.{mask}.informed"].value + 0.02
    assert useless["accuracy.all.informed"].value > useless["accuracy.all.limit"].value - 0.01


def test_a_list_is_as_complete_and_as_pure_as_it_is_made(problem: Any, settings: Any, small_dataset: Dataset) -> None:
    """Half of the bright pixels found, a tenth of the others listed, fluxes nearly an error too high."""
    from components.problems.point_sources.listed import list_metrics, list_scores

    flux = small_dataset.read(("sources",), small_dataset.rows("test"))["sources"]
    generator = torch.Generator().manual_seed(2)
    bright = flux > settings.train.bright_flux
    lucky = torch.rand(flux.shape, generator=generator)
    chance = torch.where(bright, (lucky < 0.5).float(), (lucky < 0.1).float()).clamp(0.01, 0.99)
    from models.estimators.sources.source_list import source_list

    sources, count = source_list(
        chance, flux + 1.0, torch.full_like(flux, 1.01), most=256, pixel_scale=settings.simulate.pixel_scale
    )
    outputs = {"bright": chance, "sources": sources, "source_count": count}
    found = {name: of.numpy() for name, of in list_scores(outputs, flux, settings).items()}
    about = Measuring(
        problem=problem, answer=lambda inputs: {}, dataset=small_dataset, settings=settings, device=CPU,
        progress=lambda _: None, slices=problem.slices(settings),
    )  # fmt: skip
    metrics = list_metrics(about, found)
    assert metrics["completeness.bright"].value == pytest.approx(0.5, abs=0.05)
    assert metrics["completeness.flux10_20"].value == pytest.approx(0.5, abs=0.1)
    assert metrics["completeness.flux1_2"].value == pytest.approx(0.1, abs=0.05)
    right = float((bright & (chance > 0.5)).sum() / (chance > 0.5).sum())
    assert metrics["purity.bright"].value == pytest.approx(right, abs=1e-6)
    assert metrics["flux.coverage68"].value > 0.99
    assert metrics["flux.above"].value == 0
    assert metrics["number.bright"].value == pytest.approx(float(chance.sum() / bright.sum()), rel=1e-5)


def test_last_bits_do_not_choose_among_sources_that_are_alike() -> None:
    from models.estimators.sources.source_list import source_list

    generator = torch.Generator().manual_seed(1)
    chance = torch.full((2, 16, 16), 0.999999)
    chance[1] = 0.8001
    other = chance - 1e-6 * torch.rand(chance.shape, generator=generator)
    flux = torch.rand(chance.shape, generator=generator)
    lists = [source_list(of, flux, torch.ones_like(flux), most=32, pixel_scale=0.1) for of in (chance, other)]
    (sources, count), (others, _) = lists
    assert count.tolist() == [32, 32]
    assert torch.allclose(sources, others, atol=1e-5)


def test_sources_move_with_their_sky(settings: Any, small_dataset: Dataset) -> None:
    """What is drawn afresh holds the light of the very sources that are the target."""
    rows = small_dataset.rows("train")[:32]
    stored = small_dataset.read(("expected", "sources", "clouds"), rows)
    correlations = []
    for seed in range(8):
        inputs, targets = present(stored, row_seeds([seed], rows), settings, training=True)
        assert not torch.equal(targets["flux"], stored["sources"])
        torch.testing.assert_close(targets["flux"].sum(dim=(1, 2)), stored["sources"].sum(dim=(1, 2)))
        top = targets["flux"].flatten(1).argmax(dim=1, keepdim=True)
        correlations.append(inputs["image"].flatten(1).gather(1, top) / inputs["image"].flatten(1).mean(dim=1)[:, None])
    assert float(torch.cat(correlations).median()) > 2
    plain, targets = present(stored, row_seeds([1], rows), settings, training=False)
    assert torch.equal(targets["flux"], stored["sources"])
    assert float((plain["image"] - stored["expected"]).mean()) == pytest.approx(0, abs=0.2)


def test_calibrated_probabilities_expect_each_level_as_often_as_it_is_there(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    """Whatever the network says: this one was never trained."""
    estimator: Any = TestPointSources.estimator(problem, settings)
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("train")[:64], seed=[5], device=CPU)
    flux = batch.targets["flux"]

    def expected() -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = estimator._maps(batch.inputs)[0].softmax(dim=1).sum(dim=(0, 2, 3))
        return found

    there = torch.bincount(estimator.levels.of(flux).flatten(), minlength=len(estimator.levels)).float()
    assert float((expected() - there).abs().sum() / there.sum()) > 0.5
    estimator.calibrate(batch.inputs["image"], flux)
    assert float((expected() - there).abs().sum() / there.sum()) < 0.01


def test_levels_hold_every_flux_and_have_the_moments_of_its_law(settings: Any) -> None:
    law = settings.simulate.source_flux
    levels = FluxLevels(flux_levels(law, 5.0))
    flux = torch.from_numpy(np.random.default_rng(1).lognormal(law.mean, law.sd, 400_000)).float()
    level = levels.of(flux)
    assert int(levels.of(torch.zeros(1))) == 0
    assert bool(((level >= levels.first_bright) == (flux > 5)).all())
    for number in range(3, 18):
        here = flux[level == number]
        assert float(here.mean()) == pytest.approx(float(levels.mean_l[number]), rel=0.02), number
        assert float(here.std()) == pytest.approx(float(levels.variance_l[number]) ** 0.5, rel=0.05), number


def test_the_exact_posterior_is_calibrated_and_below_who_knows_more(problem: Any, settings: Any) -> None:
    whole = replace(
        settings,
        simulate=replace(settings.simulate, test_fraction=0.5),
        evaluate=replace(settings.evaluate, reference_draws=12),
    )
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(root=Path(folder), home=Path(folder))
        dataset = publish(workspace, simulate(workspace, problem, whole.simulate))
        rows = dataset.rows("test")[:64]
        (batch,) = presented(problem, dataset, whole, rows, seed=[1], device=CPU)
        exact = sky_posteriors(batch.inputs["image"].double().numpy(), whole, cache=Path(folder))
        again = sky_posteriors(batch.inputs["image"].double().numpy(), whole, cache=Path(folder))
    truths = {name: of.numpy() for name, of in true_masks(batch.targets["flux"], whole.train).items()}
    for name in MASKS:
        chance, truth = exact[f"limit.{name}"], truths[name]
        np.testing.assert_array_equal(chance, again[f"limit.{name}"])
        assert chance.mean() == pytest.approx(truth.mean(), abs=0.01), name
        likely = chance > 0.5
        assert truth[likely].mean() == pytest.approx(chance[likely].mean(), abs=0.03), name
        for_truth = {
            who: np.log(np.where(truth == 1, exact[f"{who}.{name}"], 1 - exact[f"{who}.{name}"]).clip(1e-6)).mean()
            for who in ("limit", "informed")
        }
        assert for_truth["informed"] > for_truth["limit"], name


def test_answers_doubt_light_that_no_simulated_sky_has(
    problem: Problem, settings: ProblemSettings, small_dataset: Dataset
) -> None:
    estimator: Any = TestPointSources.estimator(problem, settings)
    learn_familiar(problem, estimator.familiar, settings)
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("test"), seed=[5], device=CPU)

    def doubts(image: torch.Tensor) -> list[list[str]]:
        found: list[list[str]] = estimator.doubts({"image": image}, asking(estimator)({"image": image}), {"inputs": {}})
        return found

    count = len(batch.inputs["image"])
    assert sum(bool(lines) for lines in doubts(batch.inputs["image"])) <= 4  # one in a hundred by chance
    turned = doubts(batch.inputs["image"].mT)
    assert sum("diffuse emission" in " ".join(lines) for lines in turned) > 0.6 * count
    assert all("times the light that is usual" in " ".join(lines) for lines in doubts(20 * batch.inputs["image"]))


def test_a_size_that_networks_cannot_halve_is_refused() -> None:
    problem = find_problem("point-sources")
    with pytest.raises(AssayError, match="size = 20: must be a multiple of 8"):
        load_settings(HOUSE / "params.yaml", problem.name, problem.settings, overrides={"simulate": {"size": 20}})


@needs_real_sky
def test_the_real_sky_is_answered_and_doubted(problem: Problem) -> None:
    """At its own level, and thinned to those of simulated skies."""
    whole: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings)
    torch.manual_seed(0)
    estimator = SourcesEstimator(problem.estimator_config(whole)).eval()
    assert isinstance(estimator.familiar, FamiliarImages)
    learn_familiar(problem, estimator.familiar, whole)
    skies = real_skies(whole.simulate)
    inputs = {"image": skies}
    with torch.inference_mode():
        outputs = estimator(inputs)
    for lines in estimator.doubts(inputs, outputs, {"inputs": {}}):
        assert "the diffuse emission is spread as in no simulated image" in lines[0]
