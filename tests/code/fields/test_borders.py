"""Fields that are not what was declared are refused by their name where datasets are drawn and answers are measured."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from components.core.errors import AssayError
from components.data.shards import _draw_shard
from components.evidence.asking import asking
from components.fields.estimators import build_estimator
from components.fields.problem import Shard
from components.fields.randomness import normal, row_seeds, uniform
from components.fields.splits import shards, split_counts
from models.estimators import build, kinds
from models.fields import Arrays, Field, check_fields, check_values
from tests.toys import SECTIONS
from tests.toys.blob_class import BlobClass, BlobSettings

SETTINGS = BlobSettings(
    count=100, seed=1, shard_size=50, validation_fraction=0.2, test_fraction=0.2, confirmation_fraction=0.1, size=16
)
PLACE = shards(split_counts(SETTINGS), size=SETTINGS.shard_size)[0]
CONFIG: dict[str, Any] = {
    "kind": "classes", "network": "cnn", "width": 4, "size": 16, "unit": "", "noise": None, "scale": 1.0,
    "conditions": [], "classes": ["disc", "ring"],
}  # fmt: skip
CPU = torch.device("cpu")
SEED_0, SEED_3 = 1853313929753715000, 5669656524523375458


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda of: replace(of, arrays={}), "train shard 0 of blob-class has no clean"),
        (lambda of: replace(of, arrays=of.arrays | {"more": of.arrays["clean"]}), "has an unknown field more"),
        (lambda of: replace(of, arrays={"clean": of.arrays["clean"][:, :8]}), r"clean of train shard 0 .* \(8, 16\)"),
        (
            lambda of: replace(of, arrays={"clean": of.arrays["clean"].astype(float)}),
            "clean of train shard 0 .* float64",
        ),
        (
            lambda of: replace(of, columns=of.columns.astype({"class": float})),
            "class of train shard 0 .* float32: must be",
        ),
        (
            lambda of: replace(of, columns=of.columns.assign(**{"class": 2})),
            "class of .* is 2 in row 0: must be 0 to 1",
        ),
        (lambda of: replace(of, columns=of.columns.assign(**{"class": "disc"})), "column class holds object"),
        (lambda of: replace(of, columns=of.columns[:-1], arrays={"clean": of.arrays["clean"][:-1]}), "49 rows: must"),
        (lambda of: replace(of, columns=of.columns[:-1]), "class of train shard 0 of blob-class has 49 rows"),
    ],
)
def test_a_shard_that_is_not_what_its_problem_stores_is_refused(change: Any, said: str) -> None:
    class Wrong(BlobClass):
        def draw(self, settings: Any, split: str, rows: range) -> Shard:
            changed: Shard = change(super().draw(settings, split, rows))
            return changed

    _draw_shard(BlobClass(), SETTINGS, PLACE)
    with pytest.raises(AssayError, match=said):
        _draw_shard(Wrong(), SETTINGS, PLACE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda of: {}, "the model's answer has no probabilities"),
        (lambda of: {"probabilities": of["probabilities"][:, :1]}, r"probabilities of the model's answer .* \(1,\)"),
        (lambda of: {"probabilities": of["probabilities"].double()}, "probabilities of the model's answer is float64"),
    ],
)
def test_an_answer_that_is_not_what_the_estimator_states_is_not_measured(change: Any, said: str) -> None:
    estimator = build(CONFIG).eval()
    forward = estimator.forward

    def wrong(inputs: Arrays) -> Any:
        return change(forward(inputs))

    inputs = {"image": torch.zeros(3, 16, 16)}
    assert asking(estimator)(inputs)["probabilities"].shape == (3, 2)
    estimator.forward = wrong  # type: ignore[method-assign]
    with pytest.raises(AssayError, match=said):
        asking(estimator)(inputs)


class Labels(BlobClass):
    def targets(self, settings: Any) -> tuple[Field, ...]:
        return (Field(name="class", dtype="int64", labels=("ring", "disc")),)


class Units(BlobClass):
    def inputs(self, settings: Any) -> tuple[Field, ...]:
        return (replace(super().inputs(settings)[0], unit="Jy"),)


class Sizes(BlobClass):
    def inputs(self, settings: Any) -> tuple[Field, ...]:
        return (replace(super().inputs(settings)[0], shape=(20, 20)),)

    def estimator_config(self, settings: Any) -> dict[str, Any]:
        return {**super().estimator_config(settings), "size": 20}


class Kinds(BlobClass):
    def estimator_config(self, settings: Any) -> dict[str, Any]:
        return {**super().estimator_config(settings), "kind": "sounds"}


class Missing(BlobClass):
    def estimator_config(self, settings: Any) -> dict[str, Any]:
        config = super().estimator_config(settings)
        del config["classes"]
        return config


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (Labels(), r"class of blob-class's estimator has labels \('disc', 'ring'\): the target has \('ring', 'disc'\)"),
        (Units(), "image of blob-class's estimator has unit '': stated is 'Jy'"),
        (Sizes(), "network cnn of width 8 cannot take its images"),
        (Kinds(), f"kind of estimator = 'sounds': must be one of {', '.join(kinds())}"),
        (Missing(), "blob-class: no 'classes': see `estimator_config`"),
    ],
)
def test_an_estimator_that_is_not_its_problems_is_refused_before_it_is_trained(problem: BlobClass, said: str) -> None:
    settings = TypeAdapter(problem.settings).validate_python(SECTIONS["blob-class"])
    assert build_estimator(BlobClass(), settings).training
    with pytest.raises(AssayError, match=said):
        build_estimator(problem, settings)


def test_fields_that_differ_in_anything_are_told_apart() -> None:
    stated = Field(name="p", shape=(2,), labels=("a", "b"), limits=(0, 1), absolute=1e-3)
    check_fields([stated], [stated], "this")
    for change in ({"shape": (3,)}, {"unit": "m"}, {"labels": ("b", "a")}, {"limits": (0, 2)}, {"relative": 1.0}):
        with pytest.raises(ValueError, match=f"p of this has {next(iter(change))}"):
            check_fields([replace(stated, **change)], [stated], "this")


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, float("nan")])
def test_values_beyond_the_limits_are_named_with_their_row(value: float) -> None:
    stated = (Field(name="p", limits=(0, 1)), Field(name="q"))
    fine = {"p": torch.tensor([0.5, 0.9]), "q": torch.tensor([-5.0, float("nan")])}
    check_values(fine, stated, "this")
    with pytest.raises(ValueError, match=f"p of this is {value:g} in row 1: must be between 0 and 1, and neither"):
        check_values({**fine, "p": torch.tensor([0.5, value])}, stated, "this")


def test_rows_have_random_numbers_of_their_own_and_streams_are_apart() -> None:
    rows = np.arange(400)
    seeds = row_seeds([1, 2], rows)
    assert len(set(seeds.tolist())) == 400
    assert (row_seeds([1, 2], rows[::-1])[::-1] == seeds).all()
    assert not set(seeds.tolist()) & set(row_seeds([1, 3], rows).tolist())
    assert not set(row_seeds([7], rows).tolist()) & set(row_seeds([7, 0], rows).tolist())
    assert normal(seeds[:0], (8, 8), stream=0, device=CPU).shape == (0, 8, 8)
    drawn = normal(seeds, (8, 8), stream=0, device=CPU)
    assert torch.equal(drawn[7:9], normal(seeds[7:9], (8, 8), stream=0, device=CPU))
    assert abs(float(drawn.mean())) < 0.03
    assert abs(float(drawn.std()) - 1) < 0.03
    other = normal(seeds, (8, 8), stream=1, device=CPU)
    assert abs(float((drawn * other).mean())) < 0.03
    assert abs(float((drawn[:-1] * drawn[1:]).mean())) < 0.03
    even = uniform(seeds, (8, 8), stream=0, device=CPU)
    assert 0 <= float(even.min()) < float(even.max()) < 1
    assert abs(float(even.mean()) - 0.5) < 0.01


def test_random_numbers_are_the_same_on_every_machine() -> None:
    seeds = row_seeds([7], np.array([0, 3]))
    assert seeds.tolist() == [SEED_0, SEED_3]
    expected = np.random.Generator(np.random.Philox(key=np.array([SEED_3, 2], np.uint64))).standard_normal(
        4, dtype=np.float32
    )
    assert normal(seeds, (4,), stream=2, device=CPU)[1].tolist() == expected.tolist()
