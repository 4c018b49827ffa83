"""The rooms of images, masks and classes say what is known of simple answers to discs under noise."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from components.core import ProblemSettings
from components.evidence import Measuring
from components.evidence.classes import gather_classes
from components.evidence.images import gather_images
from components.evidence.masks import gather_masks
from components.evidence.masks.gathering import dice
from components.evidence.masks.scores import POOLED, pixel_scores
from components.evidence.reliability import calibration_error, reliability
from components.fields import Dataset, Evaluation, Problem, normal
from models.fields import Arrays, Field

COUNT, TEST, VALIDATION, SIDE = 200, 120, 60, 16
NAMES = ("left", "right")
SETTINGS = cast(ProblemSettings, SimpleNamespace(simulate=None, evaluate=SimpleNamespace(bootstrap=100, seed=3)))
SLICES = {"faint": ("sigma", 0.0, 200.0), "rare": ("sigma", 0.0, 101.0), "loud": ("sigma", 200.0, 301.0)}


class Discs:
    """As much of a problem as the rooms ask: a disc of five times the noise, left or right."""

    name = "discs"

    def stored(self, settings: Any) -> tuple[Field, ...]:
        return (*self.targets(settings), Field(name="sigma"))

    def inputs(self, settings: Any) -> tuple[Field, ...]:
        return (Field(name="image", shape=(SIDE, SIDE)), Field(name="sigma"))

    def targets(self, settings: Any) -> tuple[Field, ...]:
        maps = (Field(name=name, shape=(SIDE, SIDE)) for name in ("clean_image", "mask"))
        return (*maps, Field(name="class", dtype="int64", labels=NAMES))

    def present(
        self, stored: Arrays, seed_b: Any, settings: Any, *, training: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        clean_bhw, sigma_b = stored["clean_image"], stored["sigma"]
        noise_bhw = normal(seed_b, (SIDE, SIDE), stream=0, device=clean_bhw.device)
        inputs = {"image": clean_bhw + sigma_b[:, None, None] * noise_bhw, "sigma": sigma_b}
        return inputs, {name: stored[name] for name in ("clean_image", "mask", "class")}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder, rng = tmp_path_factory.mktemp("discs"), np.random.default_rng(1)
    y, x = np.mgrid[:SIDE, :SIDE]
    side, sigma = rng.integers(2, size=COUNT), rng.uniform(100, 300, COUNT)
    mask = np.stack([(x - 4) ** 2 + (y - 8) ** 2 < 9, (x - 11) ** 2 + (y - 8) ** 2 < 9])[side].astype(np.float32)
    clean = (5 * sigma[:, None, None] * mask).astype(np.float32)
    split = np.repeat(["test", "validation", "train"], [TEST, VALIDATION, COUNT - TEST - VALIDATION])
    table = pd.DataFrame({"split": split, "class": side, "sigma": sigma, "bound_rmse": sigma / 2})
    table.to_parquet(folder / "catalogue.parquet")
    np.save(folder / "mask-test-00000.npy", mask)
    np.save(folder / "clean_image-test-00000.npy", clean)
    return Dataset(
        folder=folder, manifest={"files": {f"{name}-test-00000.npy": "" for name in ("mask", "clean_image")}}
    )


def check(result: Evaluation, folder: Path) -> None:
    """What a step relies on in any evaluation."""
    for name, metric in result.metrics.items():
        assert metric.missing or metric.low <= metric.value <= metric.high, name
    assert set(result.headline) <= set(result.metrics)
    shown = Counter(name for section in result.sections for name, _ in section.pictures)
    assert shown == Counter(list(result.plots))
    assert {len(loss.values) for loss in result.losses} == {len(result.slices)} == {TEST}
    assert set(result.slices) == {"faint", "loud"}
    assert {len(row) for row in result.report.rows} == {len(result.report.columns)}
    ranges = result.tested_range["inputs"]
    assert set(ranges) == {"image", "sigma"}
    assert 80 < ranges["sigma"][0] < 110 < 290 < ranges["sigma"][1] < 340
    for name, figure in result.plots.items():
        figure.savefig(folder / f"{name}.png")
    for name, table in result.tables.items():
        table.to_parquet(folder / f"{name}.parquet")


def gathered(gather: Any, answer: Any, dataset: Dataset, **more: Any) -> Evaluation:
    seen: list[int] = []
    about = Measuring(
        problem=cast(Problem, Discs()), answer=answer, dataset=dataset, settings=SETTINGS,
        device=torch.device("cpu"), progress=seen.append, slices=SLICES,
    )  # fmt: skip
    result = gather(about, noise="sigma", **more)
    assert sum(seen) == TEST
    return cast(Evaluation, result)


def test_an_image_left_as_it_is_has_the_error_of_its_noise(dataset: Dataset, tmp_path: Path) -> None:
    def answer(inputs: Arrays) -> dict[str, Tensor]:
        stated = inputs["sigma"][:, None, None].expand_as(inputs["image"])
        return {"restored": inputs["image"], "restored_error": stated}

    result = gathered(gather_images, answer, dataset, bound="bound_rmse")
    check(result, tmp_path)
    assert result.metrics["rmse_over_noise.test"].value == pytest.approx(1, abs=0.02)
    assert result.metrics["rmse_over_noise.loud"].value == pytest.approx(1, abs=0.03)
    assert result.metrics["bias_over_noise.test"].value == pytest.approx(0, abs=0.03)
    assert result.metrics["coverage68.test"].value == pytest.approx(0.683, abs=0.02)
    assert result.metrics["rmse_over_bound.test"].value == pytest.approx(2, abs=0.04)
    assert result.metrics["rmse_over_noise.rare"].missing == "slice rare has 0 images, and 10 are needed"
    np.testing.assert_allclose(result.losses[0].values.mean(), 1, atol=0.03)


def test_a_threshold_finds_most_of_a_mask(dataset: Dataset, tmp_path: Path) -> None:
    def answer(inputs: Arrays) -> dict[str, Tensor]:
        return {"mask": torch.where(inputs["image"] > 2.5 * inputs["sigma"][:, None, None], 0.9, 0.1)}

    result = gathered(gather_masks, answer, dataset)
    check(result, tmp_path)
    assert result.metrics["dice.test"].value > 0.9
    assert result.metrics["brier.test"].value == pytest.approx(0.01, abs=0.01)
    assert result.metrics["calibration_error.test"].value == pytest.approx(0.1, abs=0.02)


def test_a_comparison_tells_the_classes(dataset: Dataset, tmp_path: Path) -> None:
    def answer(inputs: Arrays) -> dict[str, Tensor]:
        left = inputs["image"][:, :, :8].sum(dim=(1, 2)) > inputs["image"][:, :, 8:].sum(dim=(1, 2))
        return {"probabilities": torch.where(left[:, None], torch.tensor([0.9, 0.1]), torch.tensor([0.1, 0.9]))}

    result = gathered(gather_classes, answer, dataset)
    check(result, tmp_path)
    wrong = 1 - result.metrics["accuracy.test"].value
    assert wrong < 0.1
    assert {f"accuracy.class.{name}" for name in NAMES} < set(result.metrics)
    score = -(1 - wrong) * np.log(0.9) - wrong * np.log(0.1)
    assert result.metrics["log_score.test"].value == pytest.approx(score, rel=1e-5)
    assert result.metrics["brier.test"].value == pytest.approx(0.02 + 1.6 * wrong, rel=1e-5)
    assert result.metrics["calibration_error.test"].value == pytest.approx(abs(0.1 - wrong), abs=1e-6)
    assert result.tables["confusion"]["count"].sum() == TEST


def test_dice_of_empty_half_and_broken_masks() -> None:
    empty, full = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    half = full.clone()
    half[:, :2] = 0
    answers = torch.cat([empty, full, half, empty, full * torch.nan])
    truths = torch.cat([empty, full, full, full, empty])
    torch.testing.assert_close(
        dice(answers, truths),
        torch.tensor([1.0, 1.0, 2 / 3, 0.0, torch.nan]).double(),
        equal_nan=True,
        rtol=0,
        atol=1e-7,
    )


def test_probabilities_that_are_right_have_no_calibration_error() -> None:
    generator = torch.Generator().manual_seed(2)
    probability = torch.rand(50, 4000, generator=generator)
    truth = (torch.rand(50, 4000, generator=generator) < probability).float()
    assert calibration_error(reliability(probability, truth).mean(dim=0).numpy()) < 0.005
    assert calibration_error(reliability(probability, 1 - truth).mean(dim=0).numpy()) == pytest.approx(0.5, abs=0.01)


def test_scores_of_pixels_are_those_of_their_definitions() -> None:
    """Against every pair and every threshold, on probabilities that say something and on one image without a mask."""
    generator = torch.Generator().manual_seed(4)
    truth = (torch.rand(6, 20, 20, generator=generator) < 0.3).double()
    truth[5] = 0
    probability = (0.3 * truth + torch.randn(6, 20, 20, generator=generator) / 4).sigmoid()
    found = {name: of.numpy() for name, of in pixel_scores(probability, truth).items()}
    above = [p[t == 1][:, None] > p[t == 0] for p, t in zip(probability[:5], truth[:5], strict=True)]
    np.testing.assert_allclose(found["auc"][:5], [float(of.double().mean()) for of in above], atol=2e-3)
    assert np.isnan(found["auc"][5])
    order = probability.flatten().argsort(descending=True)
    true = truth.flatten()[order]
    precision = true.cumsum(0) / torch.arange(1, len(true) + 1)
    pooled = found["histogram"].mean(axis=0)
    assert POOLED["ap"](pooled) == pytest.approx(float((precision * true).sum() / true.sum()), abs=2e-3)
    wanted = probability[truth == 1][:, None] > probability[truth == 0]
    assert POOLED["auc_pooled"](pooled) == pytest.approx(float(wanted.double().mean()), abs=1e-3)
    hits = ((probability >= 0.5) & (truth == 1)).sum()
    assert POOLED["f1"](pooled) == pytest.approx(float(2 * hits / ((probability >= 0.5).sum() + truth.sum())), abs=1e-9)
    np.testing.assert_allclose(found["accuracy"], ((probability >= 0.5) == (truth == 1)).double().mean(dim=(1, 2)))
    cross_entropy = torch.nn.functional.binary_cross_entropy(probability, truth, reduction="none").mean(dim=(1, 2))
    np.testing.assert_allclose(found["log_score"], cross_entropy, rtol=1e-9)
    broken = pixel_scores(probability.where(truth == 1, torch.nan), truth)
    assert all(bool(broken[name].isnan().any()) for name in ("accuracy", "auc", "brier", "log_score", "histogram"))
