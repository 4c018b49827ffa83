"""sky-denoising: the interface, the kinds of noise, what is measured of answers, and what they doubt."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from components.core.params import load_settings
from components.evidence.measuring import Measuring
from components.fields.dataset import Dataset
from components.fields.evaluation import Evaluation
from components.fields.presenting import presented
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.problems.sky_denoising.noises import NOISES, with_noise
from components.problems.sky_denoising.presentation import present
from components.problems.sky_denoising.problem import SkyDenoising
from components.problems.sky_denoising.scores import of_kind
from components.simulators.galactic_centre import draw_skies
from models.estimators.denoised import DenoisedEstimator
from models.estimators.familiar import upright
from models.fields import Arrays
from tests.conftest import HOUSE
from tests.model.problems.problem_conformance import CPU, ProblemConformance
from tests.model.problems.skies import needs_real_sky, real_skies, small_skies
from tests.model.problems.small import fixtures, load_small

SMALL: dict[str, Any] = {
    "simulate": {**small_skies(200, 50), "validation_fraction": 0.2, "confirmation_fraction": 0.1},
    "train": {"epochs": 2, "width": 8, "batch_size": 16, "familiar_images": 1000},
    "evaluate": {
        "reference_images": 4, "reference_draws": 20, "baseline_images": 10, "fresh_images": 64, "failure_images": 8,
        "bootstrap": 100,
    },
}  # fmt: skip


def small_settings() -> Any:
    return load_small("sky-denoising", SMALL)


problem, settings, small_dataset = fixtures("sky-denoising", small_settings)


class TestSkyDenoising(ProblemConformance):
    """The conformance tests on sky-denoising."""

    networks = ("deep_unet", "latent_autoencoder")
    waits = 2  # for what counts are drawn of, those of a kind of noise too


def test_evaluation_knows_a_perfect_answer_from_a_useless_one(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    """A cheat that looks up what was expected, and one that leaves images as they are."""
    known = small_dataset.read(("expected",), np.arange(len(small_dataset.catalogue)))["expected"]
    shape = known / known.sum(dim=(1, 2), keepdim=True)

    def answering(*, perfect: bool) -> Callable[..., Any]:
        def answer(inputs: Arrays, targets: Arrays | None = None) -> dict[str, torch.Tensor]:
            image = inputs["image"]
            restored = image
            if perfect:
                nearest = torch.cdist(image.flatten(1), (known / known.amax(dim=(1, 2), keepdim=True)).flatten(1))
                chosen = shape[nearest.argmin(dim=1)]
                restored = chosen * (image.sum(dim=(1, 2)) / chosen.sum(dim=(1, 2)))[:, None, None]
            return {
                "restored": restored, "restored_error": torch.full_like(image, 0.05),
                "noise_kind": torch.eye(len(NOISES))[torch.zeros(len(image), dtype=torch.int64)],
                "p_value": torch.ones(len(image)),
            }  # fmt: skip

        return answer

    def evaluated(answer: Callable[..., Any]) -> Evaluation:
        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                answer, small_dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
            )

    perfect, useless = (evaluated(answering(perfect=of)).metrics for of in (True, False))
    for kind in NOISES:
        assert useless[f"mse.{kind}_over_limit"].value > 1.2, kind
        assert useless[f"mse.{kind}.limit"].value > 0, kind
        assert useless[f"kind_accuracy.{kind}"].value == (1 if kind == "counts" else 0)
        best = min(useless[f"mse.{kind}.{name}"].value for name in ("filter", "linear", "total_variation", "identity"))
        assert best <= useless[f"mse.{kind}.identity"].value
    # A pixel's mean squared error is that of its noise where nothing is done, and nothing where it was spared.
    assert useless["mse_untouched.masked"].value == useless["mse_untouched.salt_pepper"].value == 0
    assert useless["mse.masked"].value == pytest.approx(useless["mse_corrupted.masked"].value / 2, rel=0.15)
    assert useless["flux_bias.masked"].value == pytest.approx(-0.5, abs=0.05)
    assert perfect["mse.gaussian"].value < useless["mse.gaussian"].value / 3
    assert perfect["psnr.gaussian"].value > useless["psnr.gaussian"].value + 4
    assert perfect["ssim.gaussian"].value > useless["ssim.gaussian"].value


@pytest.mark.parametrize("kind", NOISES)
def test_noises_are_those_of_the_exercise(settings: Any, kind: str) -> None:
    clean = torch.full((64, 16, 16), 0.3)
    clean[:, 3, 5] = 1.0
    seen = with_noise(kind, clean, row_seeds([3], np.arange(64)), settings.train.noise)
    dull = seen[clean == 0.3]
    assert bool((seen >= 0).all())
    assert bool((seen <= 1).all())
    if kind == "counts":
        assert torch.equal(seen, clean)
    elif kind == "gaussian":
        assert float((dull == 0).float().mean()) == pytest.approx(stats.norm.cdf(-0.3 / 0.2), abs=0.01)
        assert float(dull.median()) == pytest.approx(0.3, abs=0.01)
    elif kind == "poisson":
        assert set(dull.tolist()) == {0.0, 1.0}  # single counts, cut off at the maximum
        assert float(dull.mean()) == pytest.approx(1 - np.exp(-0.3), abs=0.01)
    elif kind == "masked":
        assert float((dull == 0).float().mean()) == pytest.approx(0.5, abs=0.02)
        assert sorted(set(dull.tolist())) == pytest.approx([0, 0.3])
    else:
        assert [float((dull == of).float().mean()) for of in (0.0, 1.0)] == pytest.approx([0.25, 0.25], abs=0.02)


def test_what_is_wanted_of_counts_is_what_was_expected_and_of_the_others_the_counts(
    settings: Any, small_dataset: Dataset
) -> None:
    rows = small_dataset.rows("train")[:64]
    stored = small_dataset.read(("expected",), rows)
    seeds = row_seeds([1], rows)
    plain, spoilt = (present(stored, seeds, settings, noise=of, training=False) for of in ("counts", "masked"))
    most = plain[1]["maximum"][:, None, None]
    torch.testing.assert_close(plain[1]["clean_image"] * most, stored["expected"])
    assert torch.equal(plain[0]["image"], spoilt[1]["clean_image"])
    assert float(plain[0]["image"].amax(dim=(1, 2)).min()) == 1
    mixed, targets = present(stored, seeds, settings, noise=None, training=False)
    assert len(set(targets["noise_kind"].tolist())) == len(NOISES)
    masked = targets["noise_kind"] == NOISES.index("masked")
    assert torch.equal(mixed["image"][masked], spoilt[0]["image"][masked])
    turned, _ = present(stored, seeds, settings, noise="counts", training=True)
    assert not torch.equal(turned["image"], plain[0]["image"])


def test_images_of_any_unit_have_the_same_answer(problem: Problem, settings: Any, small_dataset: Dataset) -> None:
    estimator = TestSkyDenoising.estimator(problem, settings)
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("test"), seed=[5], device=CPU)
    with torch.inference_mode():
        ours, scaled = (estimator({"image": times * batch.inputs["image"]}) for times in (1, 250.0))
    for name in ("restored", "restored_error"):
        torch.testing.assert_close(scaled[name], 250 * ours[name], rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(scaled["noise_kind"], ours["noise_kind"])


def test_a_model_that_wants_the_clean_ones_unit_doubts_another(problem: Problem, settings: Any) -> None:
    exercise = replace(settings, train=replace(settings.train, own_maximum=False))
    estimator = DenoisedEstimator({**problem.estimator_config(exercise), "familiar": None}).eval()
    image = torch.rand(2, 16, 16)
    image[1] *= 300
    inputs = {"image": image}
    with torch.inference_mode():
        said = estimator.doubts(inputs, estimator(inputs), {"inputs": {}})
    assert said[0] == []
    assert "this model was trained on images divided by the clean one's" in said[1][0]


def test_errors_hold_what_they_state_once_fresh_skies_have_set_them(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    estimator = TestSkyDenoising.estimator(problem, settings)
    assert isinstance(estimator, DenoisedEstimator)
    problem.finish(estimator, small_dataset, settings)
    for kind, name in enumerate(NOISES):
        (batch,) = presented(
            SkyDenoising(name), small_dataset, settings, small_dataset.rows("test"), seed=[5], device=CPU
        )
        with torch.inference_mode():
            maximum = batch.inputs["image"].amax(dim=(1, 2), keepdim=True)
            restored, log_sd, _ = estimator._answer(batch.inputs["image"] / maximum)
        error = estimator.error_scale_k[kind] * log_sd.exp()
        held = ((restored - batch.targets["clean_image"] / maximum).abs() <= error).float().mean()
        assert float(held) == pytest.approx(0.68, abs=0.05), name


def test_a_sky_is_turned_upright_whatever_its_angle(problem: Problem) -> None:
    whole: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings)
    drawn = draw_skies(whole.simulate, row_seeds([2], np.arange(200)))
    image = torch.from_numpy(drawn.expected_bhw)
    rows = torch.arange(44.0, dtype=torch.float64) - 21.5
    of_plane = upright(image, 44)
    along, across = (of_plane.clamp_max(20).sum(dim=axis) for axis in (1, 2))
    spread = [((of * rows**2).sum(dim=1) / of.sum(dim=1)).sqrt() for of in (along, across)]
    assert bool((spread[0] > spread[1]).all()), "the plane lies along the rows"
    assert float(spread[1].median()) < 10.5


@needs_real_sky
def test_the_real_sky_is_answered_and_doubted(problem: Problem) -> None:
    """As it is, its mirror images, turned, and thinned to the light of simulated skies."""
    whole: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings)
    torch.manual_seed(0)
    estimator = DenoisedEstimator(problem.estimator_config(whole)).eval()
    counts = NOISES.index("counts")
    shown = fresh_counts(whole)
    estimator.learn_ordinary(counts, *(torch.cat(of) for of in zip(*shown, strict=True)))
    skies = real_skies(whole.simulate)
    skies = torch.cat([skies, skies.mT])
    inputs = {"image": skies}
    with torch.inference_mode():
        outputs = estimator(inputs)
    # As counts, which they are: an untrained network recognises no noise.
    chances = torch.eye(len(NOISES))[torch.full((len(skies),), counts)]
    outputs |= {"noise_kind": chances, **estimator._familiar_arrays(inputs["image"], chances)}
    for lines in estimator.doubts(inputs, outputs, {"inputs": {}}):
        assert "the diffuse emission is spread as in no simulated image" in " ".join(lines)


def fresh_counts(settings: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The very skies that `finish` lets a model learn from."""
    from components.fields import fresh_batches, fresh_seed

    batches = fresh_batches(
        SkyDenoising("counts"),
        settings,
        seed=fresh_seed(settings.train.seed, "familiar"),
        count=settings.train.familiar_images,
        device=CPU,
    )
    return [(batch.inputs["image"], batch.targets["clean_image"]) for batch in batches]


def test_a_problem_of_one_noise_is_the_same_but_for_that(problem: Any, settings: Any, small_dataset: Dataset) -> None:
    about = Measuring(
        problem=problem, answer=lambda inputs: {}, dataset=small_dataset, settings=settings, device=CPU,
        progress=lambda _: None, slices=problem.slices(settings),
    )  # fmt: skip
    (batch,) = of_kind(about, "salt_pepper").batches(small_dataset.rows("test"))
    assert set(batch.targets["noise_kind"].tolist()) == {NOISES.index("salt_pepper")}
    assert problem.noise is None
