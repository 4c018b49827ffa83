"""galactic-centre: the interface, how skies are presented, what is measured of answers, and what they doubt."""

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
from components.evidence.asking import asking
from components.evidence.numbers.scores import chain_energy_score, sample_crps
from components.fields.dataset import Dataset
from components.fields.evaluation import Evaluation
from components.fields.presenting import presented
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.problems import find_problem
from components.problems.galactic_centre.measures import MEASURED, ranges, with_total
from components.problems.galactic_centre.posterior import sky_posterior
from components.problems.galactic_centre.presentation import present
from components.problems.skies import ends, expected_skies
from components.simulators.galactic_centre import AMPLITUDES, PARAMETERS
from components.training.familiar import learn_familiar
from models.estimators import FamiliarImages
from models.fields import Arrays
from tests.answers import stated
from tests.conftest import HOUSE
from tests.model.problems.problem_conformance import CPU, ProblemConformance
from tests.model.problems.skies import needs_real_sky, real_skies, small_skies
from tests.model.problems.small import fixtures, load_small

SMALL: dict[str, Any] = {
    "simulate": {**small_skies(400, 100), "validation_fraction": 0.1, "confirmation_fraction": 0.1},
    "train": {"epochs": 2, "width": 8, "batch_size": 32, "familiar_images": 1000, "recalibration_images": 128},
    "evaluate": {
        "reference_images": 2, "reference_draws": 32, "fresh_images": 128, "failure_images": 8, "bootstrap": 100,
    },
}  # fmt: skip


def small_settings() -> Any:
    return load_small("galactic-centre", SMALL)


problem, settings, small_dataset = fixtures("galactic-centre", small_settings)


class TestGalacticCentre(ProblemConformance):
    """The conformance tests on galactic-centre."""

    networks = ("wide_kernels", "single_cnn", "multi_cnn")
    waits = 1  # for what counts are drawn of


def test_evaluation_knows_a_perfect_answer_from_a_useless_one(
    problem: Problem, settings: ProblemSettings, small_dataset: Dataset
) -> None:
    """A cheat that looks up what is expected, and the middle of the prior."""
    known = small_dataset.read(("expected", *PARAMETERS), small_dataset.rows("test"))
    truths = torch.stack([known[name] for name in PARAMETERS], dim=1)
    middle = torch.tensor([sum(pair) / 2 for pair in ends(settings.simulate).values()])  # type: ignore[arg-type]

    def answering(*, perfect: bool) -> Callable[..., Any]:
        def answer(inputs: Arrays, targets: Arrays | None = None) -> dict[str, torch.Tensor]:
            image = inputs["image"]
            nearest = torch.cdist(image.flatten(1).sqrt(), known["expected"].flatten(1).sqrt()).argmin(dim=1)
            value = truths[nearest] if perfect else middle.expand(len(image), -1)
            error = torch.full_like(value, 0.3) * torch.tensor(ranges(settings.simulate)[:-1])  # type: ignore[arg-type]
            return stated(value, error, PARAMETERS, targets)

        return answer

    def evaluated(answer: Callable[..., Any]) -> Evaluation:
        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                answer, small_dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
            )

    perfect, useless = (evaluated(answering(perfect=of)) for of in (True, False))
    for name in MEASURED:
        assert perfect.metrics[f"mae_range.{name}"].value < 0.1 < useless.metrics[f"mae_range.{name}"].low, name
    over_limit = [useless.metrics[f"mae_range.{name}_over_limit"].value for name in MEASURED]
    assert np.mean(over_limit) > 1.5  # of two skies
    assert useless.metrics["mae_range.A_dm"].value == pytest.approx(0.25, abs=0.05)
    assert "mae_relative.A_dm" not in useless.metrics


def test_ranges_are_those_of_the_prior() -> None:
    simulation = load_settings(
        HOUSE / "params.yaml", "galactic-centre", find_problem("galactic-centre").settings
    ).simulate
    assert dict(zip(MEASURED, ranges(simulation), strict=True)) == {  # type: ignore[arg-type]
        **dict.fromkeys(AMPLITUDES, 1.0), "N_gc": 599.0, "N_disk": 2999.0, "N_total": 3598.0,
    }  # fmt: skip
    assert with_total(np.array([[1, 2, 3, 4, 200, 1000.0]])).tolist() == [[1, 2, 3, 4, 200, 1000, 1200]]


def test_what_is_drawn_afresh_is_what_the_simulator_would_draw(settings: Any, small_dataset: Dataset) -> None:
    rows = small_dataset.rows("train")[:64]
    stored = small_dataset.read(("expected", "sources", "clouds", *PARAMETERS), rows)
    amplitude_bk = torch.stack([stored[name] for name in AMPLITUDES], dim=1)
    again = expected_skies(amplitude_bk, stored["sources"], stored["clouds"], settings.simulate)
    torch.testing.assert_close(again, stored["expected"], rtol=1e-4, atol=2e-3)
    seen = []
    for seed in range(32):
        inputs, targets = present(stored, row_seeds([seed], rows), settings, training=True)
        # Mirrored sources and clouds are as bright: the counts of a whole sky are those of its amplitudes.
        drawn_bk = torch.stack([targets[name] for name in AMPLITUDES], dim=1)
        expected = expected_skies(drawn_bk, stored["sources"], stored["clouds"], settings.simulate)
        seen.append((inputs["image"] - expected).sum(dim=(1, 2)) / expected.sum(dim=(1, 2)))
        assert torch.equal(targets["N_gc"], stored["N_gc"])
    assert float(torch.stack(seen).mean()) == pytest.approx(0, abs=0.01)
    assert float(torch.stack(seen).abs().max()) < 0.25


def test_nothing_is_drawn_afresh_where_that_is_switched_off(settings: Any, small_dataset: Dataset) -> None:
    fixed = replace(settings, train=replace(settings.train, fresh_amplitudes=False))
    rows = small_dataset.rows("train")[:8]
    stored = small_dataset.read(("expected", "sources", "clouds", *PARAMETERS), rows)
    (images, targets), (others, _) = (
        present(stored, row_seeds([1], rows), fixed, training=training) for training in (True, False)
    )
    assert torch.equal(images["image"], others["image"])
    assert torch.equal(targets["A_dm"], stored["A_dm"])


def test_counts_have_the_dispersion_of_poisson_numbers(
    problem: Problem, settings: ProblemSettings, small_dataset: Dataset
) -> None:
    """The index of dispersion, variance over mean, is 1; over what is expected it has a known error."""
    rows = small_dataset.rows("test")
    expected = small_dataset.read(("expected",), rows)["expected"]
    counts = []
    for seed in range(40):
        (batch,) = presented(problem, small_dataset, settings, rows, seed=[seed], device=CPU)
        counts.append(batch.inputs["image"])
    seen = torch.stack(counts)
    assert bool((seen == seen.round()).all())
    bright = expected > 1
    dispersion = ((seen - expected).square().mean(dim=0) / expected)[bright]
    assert float(dispersion.mean()) == pytest.approx(1, abs=0.01)
    assert float((seen.mean(dim=0) / expected)[bright].mean()) == pytest.approx(1, abs=0.005)


def test_departures_change_what_they_name_and_nothing_else(problem: Any, settings: Any) -> None:
    axes = problem.failure_axes(settings.simulate, objects=8, seed=1)
    usual = next(iter(axes)).draw(1.0)
    for axis in axes:
        assert axis.trained[0] in axis.values
        assert axis.draw(axis.trained[0]) is usual or axis.name in ("background", "exposure"), axis.name
        other = axis.draw(axis.values[-1])
        same = np.array_equal(other.stored["A_dm"], usual.stored["A_dm"])
        assert same, f"{axis.name} changes amplitudes"
        changed = not np.array_equal(other.stored["expected"], usual.stored["expected"])
        assert changed or axis.name in ("background", "exposure"), axis.name
    numbers = next(axis for axis in axes if axis.name == "source_number")
    few, many = (float(numbers.draw(ratio).stored["N_disk"].mean()) for ratio in (0.5, 1.5))
    assert many / few == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(("name", "value", "mean"), [("background", 5.0, 5.0), ("exposure", 0.25, -0.75)])
def test_what_befalls_counts_after_they_were_taken(
    problem: Any, settings: Any, name: str, value: float, mean: float
) -> None:
    axes = problem.failure_axes(settings.simulate, objects=8, seed=1)
    images = next(axis for axis in axes if axis.name == name).draw(value)
    counts = torch.full((8, 16, 16), 40.0)
    after = images.delivery({"image": counts}, {}, row_seeds([1], np.arange(8)))["image"]
    change = after - counts
    if name == "exposure":
        change = change / counts
        assert bool((after <= counts).all())
    assert float(change.mean()) == pytest.approx(mean, rel=0.05)


def test_a_sky_of_another_dataset_is_refused_by_its_row(settings: Any, small_dataset: Dataset) -> None:
    rows = small_dataset.rows("test")[:2]
    known = small_dataset.read(("expected", *PARAMETERS), rows)
    truth = np.array([[float(known[name][row]) for name in PARAMETERS] for row in range(2)])
    image = known["expected"].round().numpy()
    with pytest.raises(AssayError, match="row 0 of the test split is another sky today"):
        sky_posterior(image[1], truth[1], settings.simulate, row=0, draws=32, seed=1)
    exact = sky_posterior(image[1], truth[1], settings.simulate, row=1, draws=32, seed=1)
    assert exact.samples.shape == (32, 6)
    assert (exact.sd > 0).all()


def test_answers_doubt_light_that_no_simulated_sky_has(
    problem: Problem, settings: ProblemSettings, small_dataset: Dataset
) -> None:
    estimator: Any = TestGalacticCentre.estimator(problem, settings)
    learn_familiar(problem, estimator.familiar, settings)
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("test"), seed=[5], device=CPU)
    region: dict[str, Any] = {"conditions": {}, "axes": {}}

    def doubts(image: torch.Tensor) -> list[list[str]]:
        outputs = asking(estimator)({"image": image})
        found: list[list[str]] = estimator.doubts({"image": image}, outputs, region)
        return found

    usual = doubts(batch.inputs["image"])
    assert sum(bool(lines) for lines in usual) <= 5  # of 80, one in a hundred by chance
    turned = doubts(batch.inputs["image"].mT)
    assert sum("diffuse emission" in " ".join(lines) for lines in turned) > 60
    bright = doubts(20 * batch.inputs["image"])
    assert all("times the light that is usual" in " ".join(lines) for lines in bright)


def test_a_chains_scores_are_right_however_few_its_draws_are() -> None:
    """Of a standard normal posterior: 1/√π in the mean, by forty draws that forget each other slowly."""
    rng, scores = np.random.default_rng(1), []
    for _ in range(4000):
        steps = rng.normal(size=(41, 1))
        drawn = np.empty((40, 1))
        last = steps[0]
        for number in range(40):
            last = 0.7 * last + (1 - 0.49) ** 0.5 * steps[number + 1]
            drawn[number] = last
        truth = rng.normal(size=1)
        scores.append([sample_crps(drawn, truth, 20)[0], chain_energy_score(drawn, truth, np.ones(1), 20)])
    assert np.mean(scores, axis=0) == pytest.approx([np.pi**-0.5] * 2, abs=0.02)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"amplitude": [0.5, 0.5]}, "its range measures errors, and must be above 0"),
        ({"centre_sources": {"count": [500, 500]}}, "centre_sources.count = .* and below the most"),
        ({"disk_sources": {"count": [0, 10]}}, "the least must be above 0"),
        ({"size": 18}, "size = 18: must be a multiple of 4"),
    ],
)
def test_settings_that_measure_nothing_are_refused(changed: dict[str, Any], said: str) -> None:
    problem = find_problem("galactic-centre")
    with pytest.raises(AssayError, match=said):
        load_settings(HOUSE / "params.yaml", problem.name, problem.settings, overrides={"simulate": changed})


def test_a_damaged_dataset_is_told_of_and_breaks_nothing(
    problem: Problem, settings: ProblemSettings, small_dataset: Dataset
) -> None:
    sound = problem.checks(small_dataset, settings.simulate)
    assert abs(sound.dataset["source_flux_pull"]) < 5
    bright = replace(small_dataset)
    bright.__dict__["shards"] = {**small_dataset.shards, "sources": [2 * of for of in small_dataset.shards["sources"]]}
    assert problem.checks(bright, settings.simulate).dataset["source_flux_pull"] > 5
    lost = replace(small_dataset)
    lost.__dict__["catalogue"] = small_dataset.catalogue.drop(columns="N_gc")
    assert np.isnan(problem.checks(lost, settings.simulate).dataset["source_flux_pull"])


@needs_real_sky
def test_the_real_sky_is_doubted_for_its_diffuse_emission_at_any_level(problem: Problem) -> None:
    """As it is, its mirror images, and each thinned or doubled to the light that simulated skies have."""
    whole: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings)
    familiar = FamiliarImages(problem.estimator_config(whole)["familiar"])
    learn_familiar(problem, familiar, whole)
    skies = real_skies(whole.simulate)
    image = skies
    said = familiar.doubts(familiar.arrays(image), image)
    for lines in said:
        assert "the diffuse emission is spread as in no simulated image" in lines[0]
    assert not any("times the light" in line for lines in said[3:] for line in lines)
