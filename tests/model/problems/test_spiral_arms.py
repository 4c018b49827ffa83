"""spiral-arms: the interface, masks, the best possible Dice, flux ratios, and folders with masks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as h_settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.evidence.asking import asking
from components.evidence.measuring import Measuring
from components.fields.dataset import Dataset
from components.fields.estimators import build_estimator
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.lifecycle.judging import MEGABYTES
from components.problems.spirals.arms_evidence import over_best, overlap, real_metrics
from components.simulators.spirals import draw_spirals, mask_chances, posterior, reference_bank
from models.estimators.arms import best_threshold, flux_ratio
from models.fields import Arrays
from tests.conftest import HOUSE
from tests.model.problems.problem_conformance import CPU, ProblemConformance
from tests.model.problems.small import fixtures, load_small

SMALL: dict[str, Any] = {
    "simulate": {
        "count": 160, "shard_size": 80, "size": 32, "test_fraction": 0.2, "validation_fraction": 0.2,
        "confirmation_fraction": 0.2, "snr": [200, 1000], "neighbours": 1, "reference": 0.2,
    },
    "train": {"width": 8, "epochs": 2, "batch_size": 8},
    "evaluate": {"reference_images": 20, "failure_images": 8, "bootstrap": 100},
}  # fmt: skip


def small_settings(**changed: Any) -> Any:
    sections = {name: {**values, **changed.get(name, {})} for name, values in SMALL.items()}
    return load_small("spiral-arms", sections)


problem, settings, small_dataset = fixtures("spiral-arms", small_settings)


class TestSpiralArms(ProblemConformance):
    """The conformance tests on spiral-arms."""

    networks = ("global_unet", "deep_unet", "published_unet")


@given(st.integers(0, 10_000))
@h_settings(max_examples=50, deadline=None)
def test_no_threshold_has_a_larger_expected_dice_than_the_one_answered(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chance = torch.from_numpy(rng.uniform(size=(1, 4, 5)) ** rng.uniform(0.2, 5))

    def expected(threshold: float) -> float:
        inside = chance >= threshold
        return float(2 * chance[inside].sum() / (inside.sum() + chance.sum()))

    (best,) = best_threshold(chance).tolist()
    assert expected(best) >= max(expected(level) for level in chance.flatten().tolist()) - 1e-9
    assert best >= expected(best) / 2 - 1e-9, "it is half of the best Dice (Lipton et al. 2014)"


def test_arms_are_brighter_than_the_disk_between_them() -> None:
    bank = reference_bank(size=32, spirals_only=True)
    down, right = np.indices((32, 32)) + 0.5 - 16
    ring = np.abs(np.hypot(down, right / 0.8) - 6) < 1
    for light, mask in zip(bank.light_thw[::37], bank.mask_thw[::37], strict=True):
        on, off = light[ring & (mask > 0)], light[ring & (mask == 0)]
        assert len(on) == 0 or np.median(on) > np.median(off)
    assert 0.02 < bank.mask_thw.mean() < 0.2


def test_the_flux_ratio_is_light_in_arms_over_light_elsewhere() -> None:
    image, mask = torch.full((1, 16, 16), 5.0), torch.zeros(1, 16, 16)
    image[0, 6:10, 6:10] += 1
    image[0, 6:8, 6:10] += 1
    mask[0, 6:8, 6:10] = 1
    torch.testing.assert_close(flux_ratio(image, mask), torch.tensor([2.0]))
    torch.testing.assert_close(flux_ratio(3 * image - 7, mask), torch.tensor([2.0]), msg="in any unit")


def test_overlap_is_counted_as_defined() -> None:
    answered, true = torch.zeros(2, 4, 4, dtype=torch.bool), torch.zeros(2, 4, 4, dtype=torch.bool)
    answered[0, 0, :3], true[0, 0, 1:] = True, True
    found = overlap(answered, true)
    assert found["dice"].tolist() == [pytest.approx(2 / 3), 1]
    assert found["iou"].tolist() == [pytest.approx(1 / 2), 1]
    assert found["precision"][0] == found["recall"][0] == pytest.approx(2 / 3)
    assert bool(found["precision"][1].isnan())


def measuring(problem: Problem, settings: Any, dataset: Dataset, answer: Any) -> Measuring:
    return Measuring(
        problem=problem, answer=answer, dataset=dataset, settings=settings, device=CPU,
        progress=lambda _: None, slices={},
    )  # fmt: skip


def answering(mask: Tensor) -> dict[str, Tensor]:
    return {"mask": mask, "threshold": best_threshold(mask)}


def test_the_exact_posterior_has_the_best_dice_and_a_ring_has_less(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    bank = reference_bank(size=32, spirals_only=True)

    def exact(inputs: Arrays) -> dict[str, Tensor]:
        image = inputs["image"].double().numpy()
        snr = np.sqrt(np.maximum(np.square(image).sum(axis=(1, 2)) - 32**2, 1))
        return answering(torch.from_numpy(mask_chances(bank, posterior(bank, image, snr))))

    def ring(inputs: Arrays) -> dict[str, Tensor]:
        return answering(torch.from_numpy(bank.mask_thw.mean(axis=0)).repeat(len(inputs["image"]), 1, 1))

    ratios = [over_best(measuring(problem, settings, small_dataset, answer))[1] for answer in (exact, ring)]
    assert ratios[0]["dice_over_best"].value == pytest.approx(1, abs=0.03)
    assert ratios[1]["dice_over_best"].value < 0.8


def test_real_pictures_are_held_against_a_disk_and_another_models_answers(
    problem: Problem, small_dataset: Dataset, tmp_path: Path
) -> None:
    settings = small_settings(evaluate={"real_pictures": str(tmp_path)})
    bank = reference_bank(size=32, spirals_only=True)
    truth = torch.from_numpy(bank.mask_thw[:6])
    about = measuring(problem, settings, small_dataset, lambda _: answering(truth.clamp(0.01, 0.99)))
    with pytest.raises(AssayError, match=r"has no \*_image.png: name a folder that has, or null"):
        real_metrics(about)
    for number, (light, mask) in enumerate(zip(bank.light_thw[:6], bank.mask_thw[:6], strict=True)):
        shown = {"image": light / light.max(), "mask": mask, "published": 0.7 * np.roll(mask, 2, axis=1)}
        for name, levels in shown.items():
            Image.fromarray(np.rint(255 * levels).astype(np.uint8)).save(tmp_path / f"g{number}_{name}.png")
    found = real_metrics(about)
    assert found["real.dice"].value == pytest.approx(1)
    assert found["real.dice_published"].value < 0.9
    assert found["real.dice_over_published"].value == pytest.approx(1 - found["real.dice_published"].value)
    assert 0 < found["real.dice_disk"].value < 0.6
    (tmp_path / "g3_mask.png").unlink()
    with pytest.raises(AssayError, match=r"g3_image.png: has no mask, g3_mask.png: put it there"):
        real_metrics(about)


def test_a_folder_with_masks_is_learned_from(problem: Problem, tmp_path: Path) -> None:
    drawn = small_settings(simulate={"reference": 0.0, "size": 64}).simulate
    _, light, mask = draw_spirals(drawn, row_seeds([3], np.arange(120)), spirals_only=True)
    noise = np.random.default_rng(1).uniform(0, 0.03, light.shape)
    shown = (light / light.max(axis=(1, 2), keepdims=True) + noise) / 1.03
    for name, arrays in (("pictures", shown), ("masks", mask)):
        (tmp_path / name).mkdir()
        for row, levels in enumerate(arrays):
            Image.fromarray(np.rint(255 * levels).astype(np.uint8)).save(tmp_path / name / f"g{row:03d}.png")
    settings: Any = load_settings(
        HOUSE / "params.yaml", problem.name, problem.settings, size="own",
        overrides={
            "simulate": {"path": str(tmp_path / "pictures"), "masks": str(tmp_path / "masks")},
            "train": {"epochs": 1},
        },
    )  # fmt: skip
    workspace = Workspace(root=tmp_path, home=tmp_path / ".assay")
    dataset = publish(workspace, simulate(workspace, problem, settings.simulate))
    estimator, _ = problem.finish(build_estimator(problem, settings).eval(), dataset, settings)
    result = problem.evaluate(asking(estimator), dataset, settings, device=CPU, cache=tmp_path, progress=lambda _: None)
    named = {rule.metric for rule in (*settings.gates.staging, *settings.gates.production)}
    assert named <= {*result.metrics, *result.timings, MEGABYTES}
    Image.fromarray(np.zeros((60, 64), dtype=np.uint8)).save(tmp_path / "masks" / "g007.png")
    with pytest.raises(AssayError, match=r"g007.png: has 60 × 64 pixels, and its picture .* has 64 × 64"):
        simulate(workspace, problem, settings.simulate)


def test_pictures_that_are_not_square_or_in_colour_are_refused_by_name(problem: Problem) -> None:
    for wrong, said in (
        ({"height": 64, "width": 48}, "simulate.height = 64, simulate.width = 48: must be the same multiple of 16"),
        ({"height": 40, "width": 40}, "must be the same multiple of 16"),
        ({"channels": 3}, "simulate.channels = 3: must be 1, grey"),
    ):
        with pytest.raises(AssayError, match=said):
            load_settings(
                HOUSE / "params.yaml", problem.name, problem.settings, size="own", overrides={"simulate": wrong}
            )
