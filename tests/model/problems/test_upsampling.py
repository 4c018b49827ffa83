"""upsampling: the interface, what is measured of answers, resizing as matrices, and what is doubted."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from scipy import ndimage
from torch import Tensor

from components.core.errors import AssayError
from components.core.params import load_settings
from components.evidence.asking import asking
from components.fields.dataset import Dataset
from components.fields.evaluation import Evaluation
from components.fields.presenting import presented, shown_at_once
from components.fields.problem import Problem
from components.problems.restoration.upsampling.augmentation import CHANCES, augmented
from components.problems.restoration.upsampling.baselines import NAMES
from components.training.trainer import Trainer
from models.estimators.upsampled import LOSSES, TESTS, Resizing, UpsampledEstimator
from models.fields import Arrays
from tests.conftest import HOUSE
from tests.model.problems.problem_conformance import CPU, ProblemConformance
from tests.model.problems.small import fixtures, load_small
from tests.other_device import pretended

SMALL: dict[str, Any] = {
    "simulate": {
        "count": 130, "shard_size": 50, "height": 16, "width": 32, "galaxies": 80, "half_light_radius": [1, 4],
        "test_fraction": 0.2, "validation_fraction": 0.2, "confirmation_fraction": 0.2,
    },
    "train": {"width": 8, "epochs": 2, "batch_size": 4},
    "evaluate": {"filter_pictures": 20, "failure_pictures": 4, "bootstrap": 100},
}  # fmt: skip


def small_settings(**changed: Any) -> Any:
    return load_small("upsampling", {name: {**values, **changed.get(name, {})} for name, values in SMALL.items()})


problem, settings, small_dataset = fixtures("upsampling", small_settings)


class TestUpsampling(ProblemConformance):
    """The conformance tests on upsampling, of pictures that are not square."""

    networks = ("shuffled_residual", "deep_unet", "published_unet")
    noise = False


@pytest.fixture
def resizing() -> Resizing:
    return Resizing(height=32, width=64, factor=4)


def test_pictures_are_resized_as_pillow_resizes_them(resizing: Resizing) -> None:
    levels = np.random.default_rng(1).uniform(size=(32, 64)).astype(np.float32)
    picture = torch.from_numpy(levels)[None, None]
    small = np.asarray(Image.fromarray(levels).resize((16, 8), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(resizing.smaller(picture)[0, 0], small, atol=1e-5)
    back = np.asarray(Image.fromarray(small).resize((64, 32), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(resizing.larger(resizing.smaller(picture))[0, 0], back, atol=1e-5)


def test_a_resized_picture_tells_all_of_the_small_one_and_nothing_else(resizing: Resizing) -> None:
    picture = torch.rand(2, 3, 32, 64, generator=torch.Generator().manual_seed(1))
    small = resizing.smaller(picture)
    torch.testing.assert_close(resizing.told(resizing.larger(small)), small, atol=1e-5, rtol=0)
    assert float(resizing.surplus(resizing.larger(small)).max()) < 1e-5
    assert float(resizing.surplus(picture).min()) > 0.1


def test_what_is_consistent_comes_to_the_small_picture_and_is_never_farther_off(resizing: Resizing) -> None:
    draw = torch.Generator().manual_seed(2)
    truth, answer = (torch.rand(4, 3, 32, 64, generator=draw) for _ in range(2))
    small = resizing.smaller(truth)
    brought = resizing.consistent(answer, small)
    torch.testing.assert_close(resizing.smaller(brought), small, atol=1e-5, rtol=0)
    before, after = ((of - truth).square().mean(dim=(1, 2, 3)) for of in (answer, brought))
    assert bool((after < before).all())


def test_sides_that_the_factor_does_not_divide_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="width = 30: must be a multiple of the factor, 4"):
        Resizing(height=32, width=30, factor=4)
    with pytest.raises(AssayError, match=r"simulate.height = 20: must be a multiple of 8 for deep_unet"):
        small_settings(simulate={"height": 20})
    with pytest.raises(AssayError, match="= 1048576: must be at most 524288, since larger pictures do not fit"):
        small_settings(simulate={"height": 1024, "width": 1024})
    with pytest.raises(AssayError, match=r"simulate.height = 20: must be a multiple of 16 for published_unet"):
        small_settings(simulate={"height": 20}, train={"network": "published_unet"})


def test_evaluation_knows_a_perfect_answer_from_a_useless_one(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    """A cheat that looks pictures up, and one that leaves them as they are."""
    known = small_dataset.read(("picture",), np.arange(len(small_dataset.catalogue)))["picture"]
    resizing = Resizing(height=16, width=32, factor=4)
    seen = resizing.larger(resizing.smaller(known)).flatten(1)

    def answering(restore: Callable[[Tensor], Tensor]) -> Evaluation:
        def answer(inputs: Arrays, targets: Arrays | None = None) -> dict[str, Tensor]:
            image = inputs["image"]
            error, departure = torch.full_like(image, 0.01), torch.zeros(len(image), len(TESTS))
            return {"restored": restore(image), "restored_error": error, "departure": departure}

        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                answer, small_dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
            )

    useless = answering(lambda image: image).metrics
    perfect = answering(lambda image: known[torch.cdist(image.flatten(1), seen).argmin(dim=1)]).metrics
    assert useless["gain_db"].value == useless["gain_ssim"].value == 0
    assert useless["psnr"].value == useless["psnr.identity"].value < 40
    assert perfect["psnr"].value == pytest.approx(60)
    assert perfect["ssim"].value == pytest.approx(1)
    assert perfect["inconsistency"].value < 1e-5
    for metrics in (useless, perfect):
        for name in NAMES:
            assert metrics[f"gain_db.{name}"].value > 0, "no way to restore a picture is worse than none"
            paired = metrics["gain_db"].value - metrics[f"gain_db.{name}"].value
            assert metrics[f"gain_db_over.{name}"].value == pytest.approx(paired)
    assert useless["gain_db.linear"].value > useless["gain_db.bicubic"].value


def test_changed_pictures_keep_size_and_values_and_are_each_pictures_own() -> None:
    draw = torch.Generator().manual_seed(1)
    picture, chances = torch.rand(40, 3, 16, 32, generator=draw), torch.rand(40, CHANCES, generator=draw)
    changed = augmented(picture, chances)
    assert changed.shape == picture.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    torch.testing.assert_close(changed[7:9], augmented(picture[7:9], chances[7:9]))
    # Neither mirrored, turned, swapped, far away nor shifted.
    same = torch.tensor([[0.9, 0.9, 0.9, 0.0, 0.9, 0.9, 0.0, 0.0]])
    assert torch.equal(augmented(picture[:1], same), picture[:1])
    shifted = augmented(picture[:1], torch.tensor([[0.9, 0.9, 0.9, 0.0, 0.9, 0.9, 0.5, 0.25]]))
    assert torch.equal(shifted[:, :, 2:, 1:], picture[:1, :, :-2, :-1])


@pytest.mark.parametrize("square", [True, False])
def test_a_mirrored_picture_is_answered_by_the_mirrored_answer(problem: Problem, square: bool) -> None:
    config = problem.estimator_config(small_settings(simulate={"width": 16 if square else 32}))
    torch.manual_seed(0)
    estimator = UpsampledEstimator({**config, "mirrored": True}).eval()
    torch.nn.init.normal_(estimator.get_parameter("network.head.weight"), std=0.1)
    image = torch.rand(2, 3, 16, 16 if square else 32, generator=torch.Generator().manual_seed(1))
    turn: Callable[[Tensor], Tensor] = (lambda of: of.rot90(1, (2, 3))) if square else (lambda of: of.flip(3))
    with torch.inference_mode():
        answer, turned = estimator({"image": image}), estimator({"image": turn(image)})
        plain = UpsampledEstimator({**config, "mirrored": False}).eval()
        plain.load_state_dict(estimator.state_dict())
        other = plain({"image": turn(image)})["restored"] - turn(plain({"image": image})["restored"])
    for name in ("restored", "restored_error"):
        torch.testing.assert_close(turned[name], turn(answer[name]), atol=1e-5, rtol=1e-4)
    assert float(other.abs().max()) > 1e-3, "a network by itself is not the same from all sides"


def learned(problem: Problem, settings: Any, dataset: Dataset) -> UpsampledEstimator:
    torch.manual_seed(0)
    estimator = UpsampledEstimator(problem.estimator_config(settings)).eval()
    problem.finish(estimator, dataset, settings)
    return estimator


def doubts_of(estimator: UpsampledEstimator, image: Tensor) -> list[list[str]]:
    outputs = asking(estimator)({"image": image})
    return estimator.doubts({"image": image}, outputs, {})


def test_pictures_that_no_resizing_left_or_that_are_unlike_those_learned_from_are_doubted(problem: Problem) -> None:
    settings = small_settings(simulate={"height": 64, "width": 64, "galaxies": 15, "half_light_radius": [3, 12]})
    picture = torch.from_numpy(problem.draw(settings.simulate, "train", range(80)).arrays["picture"])
    torch.manual_seed(0)
    estimator = UpsampledEstimator(problem.estimator_config(settings)).eval()
    resizing = estimator.resizing
    image, small = resizing.larger(resizing.smaller(picture)), resizing.smaller(picture)
    estimator.learn_ordinary(judged=[(image[:40], picture[:40])], learned=[image[:20], image[20:40]])

    def doubted(shown: Tensor, said: str) -> float:
        return float(np.mean([said in " ".join(lines) for lines in doubts_of(estimator, shown)]))

    assert np.mean([bool(lines) for lines in doubts_of(estimator, image[40:])]) <= 0.1
    assert doubts_of(estimator, (255 * image).round() / 255) == doubts_of(estimator, image), "8 bits do no harm"
    assert doubted(picture, "it has detail of") == 1
    noise = 0.1 * torch.randn(small.shape, generator=torch.Generator().manual_seed(3))
    assert doubted(resizing.larger(small + noise), "its noise is") == 1
    blurred = torch.from_numpy(ndimage.gaussian_filter(picture.numpy(), (0, 0, 5, 5)))
    assert doubted(resizing.larger(resizing.smaller(blurred)), "times as blurred") > 0.8
    assert doubted(255 * image, "pictures have 0 to 1") == 1
    level = doubts_of(estimator, torch.full_like(image[:1], 0.5))
    assert level == [[]], "of a level picture nothing can be said"
    beyond = doubts_of(estimator, 255 * image[:2])
    with pretended() as device:
        assert doubts_of(estimator.to(device), 255 * image[:2].to(device)) == beyond


def test_an_answer_that_is_not_the_small_picture_when_it_is_resized_is_doubted(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("test"), seed=[1], device=CPU)
    torch.manual_seed(0)
    estimator = UpsampledEstimator({**problem.estimator_config(settings), "consistent": False}).eval()
    torch.nn.init.constant_(estimator.get_parameter("network.head.bias"), 0.1)
    for lines in doubts_of(estimator, batch.inputs["image"]):
        assert any("the answer, resized, is not the small picture" in line for line in lines)


def test_stated_errors_hold_what_they_promise_of_pictures_they_were_not_set_by(problem: Problem) -> None:
    settings = small_settings(simulate={"height": 64, "width": 64, "galaxies": 15, "half_light_radius": [3, 12]})
    picture = torch.from_numpy(problem.draw(settings.simulate, "test", range(80)).arrays["picture"])
    torch.manual_seed(0)
    estimator = UpsampledEstimator(problem.estimator_config(settings)).eval()
    seen = estimator.resizing.larger(estimator.resizing.smaller(picture))
    estimator.learn_ordinary(judged=[(seen[:20], picture[:20]), (seen[20:40], picture[20:40])], learned=[seen[:40]])
    outputs = asking(estimator)({"image": seen[40:]})
    held = (outputs["restored"] - picture[40:]).abs() <= outputs["restored_error"]
    assert float(held.double().mean()) == pytest.approx(0.6827, abs=0.05)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_in_bfloat16_too(problem: Problem, settings: Any, small_dataset: Dataset, loss: str) -> None:
    train = replace(settings.train, loss=loss, bfloat16=True, mirrored=True, epochs=3)
    trainer = Trainer(problem, small_dataset, replace(settings, train=train))
    before = trainer.validation_loss()
    *_, last = iter(trainer)
    assert last.validation_loss < before
    assert {of.dtype for of in trainer.averaged.state_dict().values()} <= {torch.float32, torch.int64}


def test_a_number_that_pictures_on_disk_do_not_have_is_refused_as_it_was_typed(problem: Problem) -> None:
    with pytest.raises(AssayError, match=r"--count 100: .*simulate of params.yaml has no count: leave it out"):
        load_settings(
            HOUSE / "params.yaml", problem.name, problem.settings, size="published",
            overrides={"simulate": {"count": 100}},
        )  # fmt: skip


def test_large_pictures_are_shown_a_few_at_a_time(problem: Problem) -> None:
    of = {side: small_settings(simulate={"height": side, "width": side}) for side in (16, 256)}
    sizes = {side: shown_at_once(problem, settings, CPU) for side, settings in of.items()}
    assert sizes == {16: 256, 256: 5}


def test_files_are_read_as_pictures_of_a_folder_are(problem: Problem, tmp_path: Path) -> None:
    levels = np.random.default_rng(4).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "colour.png")
    Image.fromarray(levels[..., 0]).save(tmp_path / "grey.png")
    colour, three = problem.reading.read_image(tmp_path / "colour.png"), np.stack([levels[..., 0]] * 3)
    np.testing.assert_allclose(colour, np.moveaxis(levels, 2, 0) / 255, atol=1e-6)
    np.testing.assert_allclose(problem.reading.read_image(tmp_path / "grey.png"), three / 255, atol=1e-6)


def test_settings_of_another_source_leave_nothing_of_those_below(problem: Problem) -> None:
    found: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="published")
    assert found.simulate.source == "folder"


@pytest.mark.parametrize(
    ("size", "change", "said"),
    [
        ("demo", {"galaxies": -1}, r"params.yaml: problems.upsampling.simulate.galaxies = -1: Input should be greater"),
        ("demo", {"galaxeis": 3}, "unknown key problems.upsampling.simulate.galaxeis: did you mean galaxies"),
        ("published", {"framming": "crop"}, "unknown key problems.upsampling.simulate.framming: did you mean framing"),
        ("demo", {"source": "disk"}, r"problems.upsampling.simulate.source = 'disk': must be simulated or folder"),
    ],
)
def test_a_section_of_several_kinds_is_checked_as_the_kind_that_it_names(
    problem: Problem, tmp_path: Path, size: str, change: dict[str, Any], said: str
) -> None:
    document = yaml.safe_load((HOUSE / "params.yaml").read_text(encoding="utf-8"))
    section = document["problems"]["upsampling"]
    (section if size == "demo" else section["sizes"][size])["simulate"] |= change
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(AssayError, match=said):
        load_settings(tmp_path / "params.yaml", problem.name, problem.settings, size=size)
