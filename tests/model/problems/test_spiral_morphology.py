"""spiral-morphology: the interface, mirrors, the reference regime, real pictures, and folders with labels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.evidence.asking import asking
from components.evidence.measuring import Measuring
from components.fields.dataset import Dataset
from components.fields.estimators import build_estimator
from components.fields.presenting import presented
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.lifecycle.judging import MEGABYTES
from components.problems.spirals.morphology_evidence import grouped, over_bayes, real_metrics
from components.problems.spirals.presentation import reclassed, turned
from components.simulators.spirals import (
    CLASSES,
    LINEAR,
    Galaxies,
    class_chances,
    draw_galaxies,
    draw_spirals,
    posterior,
    reference_bank,
)
from models.estimators.morphology import MorphologyEstimator
from models.fields import Arrays
from tests.conftest import HOUSE
from tests.model.problems.problem_conformance import CPU, ProblemConformance, show
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
    return load_small("spiral-morphology", sections)


problem, settings, small_dataset = fixtures("spiral-morphology", small_settings)


class TestSpiralMorphology(ProblemConformance):
    """The conformance tests on spiral-morphology."""

    networks = ("global_cnn", "cnn")


def one(**changed: float) -> Galaxies:
    """A galaxy with one wide arm, seen from above."""
    usual = {
        "x": 0.0, "y": 0.0, "angle": 0.0, "axis_ratio": 1.0, "disk_scale": 6.0, "disk": 1.0, "bulge_radius": 1.0,
        "bulge_index": 1.0, "bulge_ratio": 1.0, "arms": 1.0, "winding": 1.0, "pitch": 0.5, "contrast": 3.0,
        "sharpness": 3.0, "phase": 0.5, "inner": 0.7, "outer": 3.0, "lopsided": 0.0, "bar": 0.0, "bar_length": 1.0,
        "ring": 0.0, "ring_radius": 1.0, "psf_fwhm": 1.0,
    }  # fmt: skip
    return Galaxies(**{name: np.array([value]) for name, value in {**usual, **changed}.items()})


def angles(mask_hw: np.ndarray, inner: float, outer: float) -> float:
    """Middle angle of a mask's pixels in a ring, counted against the clock as one looks at the image, radians."""
    down, right = np.indices(mask_hw.shape) + 0.5 - len(mask_hw) / 2
    ring = (mask_hw > 0) & (np.hypot(down, right) > inner) & (np.hypot(down, right) < outer)
    return float(np.angle(np.sum(right[ring] - 1j * down[ring])))


@pytest.mark.parametrize(("winding", "turn"), [(1.0, -1), (-1.0, 1)])
def test_arms_of_an_s_turn_with_the_clock_outwards_and_those_of_a_z_against_it(winding: float, turn: int) -> None:
    """As the strokes of the letters do; by an angle of ln(r₂/r₁) / tan(pitch)."""
    _, (mask,) = draw_galaxies(one(winding=winding), size=64)
    wound = np.angle(np.exp(1j * (angles(mask, 11, 13) - angles(mask, 5, 7))))
    assert wound == pytest.approx(turn * np.log(12 / 6) / np.tan(0.5), abs=0.15)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_mirror_image_of_an_s_is_a_z(axis: int) -> None:
    light, mask = draw_galaxies(one(), size=32)
    phase = -0.5 if axis == 0 else np.pi - 0.5
    other, other_mask = draw_galaxies(one(winding=-1.0, phase=phase), size=32)
    np.testing.assert_allclose(np.flip(light, axis + 1), other, atol=1e-9)
    np.testing.assert_array_equal(np.flip(mask, axis + 1), other_mask)


def test_a_mirrored_picture_is_answered_by_the_mirrored_answer_whatever_the_network(
    problem: Problem, settings: Any
) -> None:
    torch.manual_seed(0)
    estimator = MorphologyEstimator(problem.estimator_config(settings)).eval()
    image = torch.rand(5, 32, 32, generator=torch.Generator().manual_seed(1))
    there, back = (asking(estimator)({"image": of})["probabilities"] for of in (image, image.flip(2)))
    torch.testing.assert_close(there[:, [0, 1, 3, 2]], back)
    assert float((there[:, 2] - there[:, 3]).abs().max()) > 1e-4


def test_an_odd_number_of_mirrors_exchanges_the_classes() -> None:
    chances = torch.tensor([[0.9, 0.9, 0.9], [0.1, 0.9, 0.9], [0.1, 0.1, 0.9], [0.1, 0.1, 0.1]])
    found = reclassed(torch.tensor([2, 2, 2, 2]), chances, [0, 1, 3, 2])
    assert found.tolist() == [2, 3, 2, 3]
    image = torch.arange(16.0).reshape(1, 4, 4).repeat(4, 1, 1)
    shown = turned(image, chances)
    assert torch.equal(shown[0], image[0])
    assert torch.equal(shown[1], image[0].flip(0))
    assert torch.equal(shown[2], image[0].flip(0).flip(1))
    assert torch.equal(shown[3], image[0].flip(0).flip(1).T)


def test_trainings_show_galaxies_of_known_inclination_as_they_lie(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    """An answer for the reference regime may rest on where the long axis is: mirrors on the diagonal would hide it."""
    known = np.flatnonzero(small_dataset.catalogue["reference"].to_numpy() > 0)
    assert len(known) > 5
    settings = replace(settings, simulate=replace(settings.simulate, reference_snr=(1e4, 1e4 + 1)))
    batch = show(problem, small_dataset, settings, known, 0, training=True)
    bank, image = reference_bank(size=32, spirals_only=False), batch.inputs["image"].double().numpy()
    found = posterior(bank, image, np.full(len(known), 1e4))
    residual = image - 1e4 * bank.light_thw[found.argmax(axis=1)]
    assert np.abs(residual).max() < 10, "what was shown is none of the templates"
    np.testing.assert_array_equal(class_chances(bank, found).argmax(axis=1), batch.targets["class"].numpy())


def test_a_training_is_told_where_the_arms_are_of_each_winding(problem: Problem, settings: Any) -> None:
    torch.manual_seed(0)
    estimator = MorphologyEstimator(problem.estimator_config(settings))
    image = torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(1))
    cover = torch.zeros(2, 16, 16)
    cover[:, :8] = 1
    targets = {"class": torch.tensor([2, 2]), "arm_cover": cover}
    optimiser = torch.optim.Adam(estimator.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        estimator.loss({"image": image}, targets).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    def loss(**changed: Tensor) -> float:
        return float(estimator.loss({"image": image}, {**targets, **changed}).mean().detach())

    assert loss() < 0.2 * loss(arm_cover=1 - cover)
    entropy = functional.cross_entropy(estimator._said(image)[0], torch.tensor([3, 3]))
    assert loss(**{"class": torch.tensor([3, 3])}) > float(entropy.detach()) + 1, "the arms are those of an S"


def test_probabilities_of_the_reference_regime_are_right_as_often_as_they_say() -> None:
    bank = reference_bank(size=32, spirals_only=False)
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(bank.chance_t), size=600, p=bank.chance_t)
    said: dict[float, tuple[float, float]] = {}
    for snr in (8.0, 20.0):
        image = snr * bank.light_thw[chosen] + rng.normal(size=(600, 32, 32))
        chances = class_chances(bank, posterior(bank, image, np.full(600, snr)))
        np.testing.assert_allclose(chances.sum(axis=1), 1)
        right = chances.argmax(axis=1) == bank.class_t[chosen]
        said[snr] = float(chances.max(axis=1).mean()), float(right.mean())
        assert said[snr][0] == pytest.approx(said[snr][1], abs=0.06)
    assert said[20.0][0] > said[8.0][0] + 0.05


def test_a_sky_that_is_not_known_costs_what_its_level_hides() -> None:
    """Any level may be added then, and the answer is the same; it is right as often as it says, and less often."""
    bank = reference_bank(size=32, spirals_only=False)
    rng = np.random.default_rng(2)
    chosen, snr = rng.choice(len(bank.chance_t), size=2000, p=bank.chance_t), np.full(2000, 8.0)
    image = 8 * bank.light_thw[chosen] + rng.normal(size=(2000, 32, 32))
    blind, lifted = (posterior(bank, of, snr, sky_known=False) for of in (image, image + 3))
    np.testing.assert_allclose(blind, lifted, atol=1e-9)
    assert np.abs(posterior(bank, image + 3, snr) - posterior(bank, image, snr)).max() > 0.1
    class_b = bank.class_t[chosen]
    told = [class_chances(bank, of) for of in (posterior(bank, image, snr), blind)]
    known, unknown = ((of.argmax(axis=1) == class_b).mean() for of in told)
    assert unknown < known - 0.005
    assert told[1].max(axis=1).mean() == pytest.approx(unknown, abs=0.03)


def test_the_exact_posterior_has_no_excess_error_and_a_guess_has(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    bank = reference_bank(size=32, spirals_only=False)

    def exact(inputs: Arrays) -> dict[str, Tensor]:
        image = inputs["image"].double().numpy()
        snr = np.sqrt(np.maximum(np.square(image).sum(axis=(1, 2)) - 32**2, 1))
        return {"probabilities": torch.from_numpy(class_chances(bank, posterior(bank, image, snr)))}

    def guess(inputs: Arrays) -> dict[str, Tensor]:
        return {"probabilities": torch.tensor([[0.4, 0.3, 0.2, 0.1]]).repeat(len(inputs["image"]), 1)}

    found = []
    for answer in (exact, guess):
        about = Measuring(
            problem=problem, answer=answer, dataset=small_dataset, settings=settings, device=CPU,
            progress=lambda _: None, slices={},
        )  # fmt: skip
        found.append(over_bayes(about)[1])
    assert found[0]["excess_error"].value < 0.02
    assert found[0]["accuracy_over_bayes"].value > 0.97
    assert found[1]["excess_error"].value > 0.2
    assert 0 <= found[0]["excess_error.sky_unknown"].value < 0.05
    assert found[1]["bayes_error"] == found[0]["bayes_error"]


def test_of_a_model_that_tells_no_spiral_nobody_says_how_it_tells_windings() -> None:
    table = pd.DataFrame({"class": ["S", "Z", "lenticular"], "answered": ["lenticular"] * 3})
    found = grouped(table, "test")
    assert found["accuracy_morphology.test"].value == pytest.approx(1 / 3)
    assert found["accuracy_winding.test"].missing == "no spiral was told as one"


def write_pictures(folder: Path, count: int) -> None:
    """Pictures of the prior with a table, as a person would have them."""
    simulate = small_settings(simulate={"reference": 0.0, "snr": [500, 1000]}).simulate
    table, light, _ = draw_spirals(simulate, row_seeds([3], np.arange(count)), spirals_only=False)
    folder.mkdir()
    rows = ["picture,label"]
    for row, image in enumerate(light):
        levels = np.rint(255 * np.arcsinh(image / 0.02 / image.max()) / np.arcsinh(50)).astype(np.uint8)
        Image.fromarray(levels).resize((40, 40)).save(folder / f"g{row:03d}.png")
        rows.append(f"g{row:03d}.png,{CLASSES[table['class'][row]]}")
    (folder / "labels.csv").write_text("\n".join(rows))


def test_a_folder_with_a_table_of_labels_is_learned_from(problem: Problem, tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", 120)
    changed = {"path": str(tmp_path / "pictures"), "table": str(tmp_path / "pictures" / "labels.csv")}
    settings: Any = load_settings(
        HOUSE / "params.yaml", problem.name, problem.settings, size="own",
        overrides={"simulate": {**changed, "height": 32, "width": 32}, "train": {"epochs": 1, "width": 8}},
    )  # fmt: skip
    workspace = Workspace(root=tmp_path, home=tmp_path / ".assay")
    dataset = publish(workspace, simulate(workspace, problem, settings.simulate))
    assert problem.targets(settings.simulate)[0].labels == tuple(sorted(CLASSES))
    assert problem.mirrored(settings.simulate) == [1, 0, 2, 3]  # type: ignore[attr-defined]
    estimator, _ = problem.finish(build_estimator(problem, settings).eval(), dataset, settings)
    result = problem.evaluate(asking(estimator), dataset, settings, device=CPU, cache=tmp_path, progress=lambda _: None)
    assert "accuracy_morphology.test" in result.metrics
    named = {rule.metric for rule in (*settings.gates.staging, *settings.gates.production)}
    assert named <= {*result.metrics, *result.timings, MEGABYTES}


def test_real_pictures_are_answered_beside_what_is_known_of_them(
    problem: Problem, small_dataset: Dataset, tmp_path: Path
) -> None:
    """By an answer that knows them, and by one that sees spirals everywhere."""
    folder = tmp_path / "real"
    folder.mkdir()
    rows = ["file,spiral,handedness,handedness_confidence"]
    for number in range(8):
        Image.fromarray(np.full((40, 40), 10 * number, dtype=np.uint8)).save(folder / f"p{number}.png")
        rows.append(f"p{number}.png,{int(number < 4)},{'SZ'[number % 2] if number < 4 else ''},clear")
    settings = small_settings(evaluate={"real_pictures": str(folder)})

    def knowing(inputs: Arrays) -> dict[str, Tensor]:
        level = (inputs["image"].mean(dim=(1, 2)) * 25.5).round().long()
        which = torch.where(level < 4, 2 + level % 2, 0)
        return {"probabilities": torch.nn.functional.one_hot(which, 4).double()}

    def anywhere(inputs: Arrays) -> dict[str, Tensor]:
        return {"probabilities": torch.tensor([[0.1, 0.1, 0.5, 0.3]]).repeat(len(inputs["image"]), 1)}

    def about(answer: Any) -> Measuring:
        return Measuring(
            problem=problem, answer=answer, dataset=small_dataset, settings=settings, device=CPU,
            progress=lambda _: None, slices={},
        )  # fmt: skip

    with pytest.raises(AssayError, match=r"has no labels.csv: name a folder that has, or null"):
        real_metrics(about(knowing))
    (folder / "labels.csv").write_text("\n".join(rows))
    known, spirals = (real_metrics(about(answer)) for answer in (knowing, anywhere))
    assert known["real.balanced_accuracy"].value == known["real.winding.clear"].value == 1
    assert spirals["real.balanced_accuracy"].value == spirals["real.winding.clear"].value == 0.5
    (folder / "labels.csv").write_text("\n".join(row.rpartition(",")[0] for row in rows))
    with pytest.raises(AssayError, match=r"labels.csv has no column handedness_confidence"):
        real_metrics(about(knowing))


def test_pictures_that_are_none_of_one_galaxy_in_the_middle_are_doubted(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    torch.manual_seed(0)
    built = MorphologyEstimator(problem.estimator_config(settings)).eval()
    problem.finish(built, small_dataset, settings)
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("test"), seed=[1], device=CPU)
    image = batch.inputs["image"]

    def asked(shown: Tensor) -> float:
        outputs = asking(built)({"image": shown})
        return float(np.mean([bool(of) for of in built.doubts({"image": shown}, outputs, {})]))

    assert asked(image) <= 0.15
    assert asked(7 * image + 300) == asked(image), "pictures come in any unit"
    assert asked(image.roll((12, 12), dims=(1, 2))) > 0.8
    assert asked(torch.full_like(image, 0.5)) == 1


def test_images_of_one_template_are_told_apart(problem: Problem) -> None:
    """A dataset must not hold an image twice, and the reference regime has few noise-free ones."""
    table = problem.draw(small_settings(simulate={"reference": 1.0}).simulate, "train", range(300)).columns
    assert (table["reference"] == 1).all()
    assert table["class"].value_counts().max() > 60
    assert not table[["snr", "stretch"]].duplicated().any()
    assert (table["stretch"] >= LINEAR).all()
