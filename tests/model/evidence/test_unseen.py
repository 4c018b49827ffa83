"""No model is judged on what it learned from, however the data is drawn meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import TypeAdapter

from components.core import spreading
from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.source import Source
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.evidence.confirmation import confirm
from components.evidence.confirmation_reads import confirmed_on
from components.evidence.evaluation import evaluate
from components.evidence.refusals import CannotBeEvaluatedError
from components.fields.dataset import Dataset
from components.fields.layout import HELD_OUT, LEARNED_FROM, SPLITS
from components.fields.randomness import row_seeds
from components.fields.seen_images import SEEN, image_digests
from components.fields.splits import shards, split_counts
from components.problems import find_problem
from components.training.run import train
from models.fields import Field
from tests.conftest import HOUSE
from tests.toys import SECTIONS, blob_image

PROBLEM = blob_image.BlobImage()
NAMES = ("clean_image", "sigma")
CHANGES: tuple[dict[str, Any], ...] = (
    {"count": 840},
    {"test_fraction": 0.4},
    {"count": 840, "shard_size": 97, "validation_fraction": 0.05, "confirmation_fraction": 0.1},
)


def section(**changed: Any) -> ProblemSettings:
    whole: ProblemSettings = TypeAdapter(PROBLEM.settings).validate_python(SECTIONS["blob-image"])
    return replace(whole, simulate=replace(whole.simulate, **changed), train=replace(whole.train, epochs=1))


def drawn(workspace: Workspace, settings: ProblemSettings) -> Dataset:
    return publish(workspace, simulate(workspace, PROBLEM, settings.simulate))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose datasets are drawn in this process, where a fault can be put into their drawing."""
    monkeypatch.setattr(spreading, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    return Workspace(root=tmp_path, home=tmp_path / ".assay")


def trained(workspace: Workspace, settings: ProblemSettings, dataset: Dataset) -> Path:
    return train(workspace, PROBLEM, dataset, settings, source=Source(commit="0" * 40, dirty=False))


def split_by_share(settings: Any, split: str, rows: range) -> Any:
    """The fault: images are numbered through, and a split is a share of them."""
    counts = split_counts(settings)
    order = ("test", "validation", "confirmation", "train")
    before = sum(counts[name] for name in order[: order.index(split)])
    return row_seeds([settings.seed], np.asarray(rows) + before)


def test_more_images_and_other_shares_leave_what_was_learned_from_out_of_what_is_judged(here: Workspace) -> None:
    settings = section()
    first = drawn(here, settings)
    model = trained(here, settings, first)
    seen = image_digests(first, NAMES, np.concatenate([first.rows(split) for split in LEARNED_FROM]))
    assert np.array_equal(np.load(model / SEEN), seen)
    for change in CHANGES:
        other = section(**change)
        dataset = drawn(here, other)
        held_out = image_digests(dataset, NAMES, np.concatenate([dataset.rows(split) for split in HELD_OUT]))
        assert not np.isin(held_out, seen).any()
        assert np.isin(seen, image_digests(dataset, NAMES, np.arange(len(dataset.catalogue)))).any()
        evaluate(here, PROBLEM, model, dataset, other)
        confirm(here, PROBLEM, [model], dataset, other, seed=1)


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_is_not_judged_on_images_that_it_learned_from(
    here: Workspace, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.setattr(blob_image, "drawing_seeds", split_by_share)
    settings, other = section(), section(**change)
    first = drawn(here, settings)
    model = trained(here, settings, first)
    evaluate(here, PROBLEM, model, first, settings)
    dataset = drawn(here, other)
    counts = [PROBLEM.counts(of.simulate) for of in (settings, other)]
    # By numbers: test images come first, then validation, confirmation and training images.
    held = range(counts[0]["test"], counts[0]["test"] + counts[0]["validation"])
    learned = {*held, *range(held.stop + counts[0]["confirmation"], sum(counts[0].values()))}
    shared = len(learned & set(range(counts[1]["test"])))
    assert shared > 0
    said = rf"the model learned from {shared} of the {counts[1]['test']} test images of .*blob-image"
    with pytest.raises(CannotBeEvaluatedError, match=said):
        evaluate(here, PROBLEM, model, dataset, other)
    monkeypatch.setattr(type(PROBLEM), "simulated", lambda *_: False)
    with pytest.raises(CannotBeEvaluatedError, match=said):
        confirm(here, PROBLEM, [model], dataset, other, seed=1)


def test_fresh_images_are_drawn_for_a_comparison_and_readings_of_a_split_are_counted(
    here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = section()
    dataset = drawn(here, settings)
    model = trained(here, settings, dataset)

    def losses(seed: int) -> tuple[Any, bytes]:
        one, same = confirm(here, PROBLEM, [model, model], dataset, settings, seed=seed)
        assert one.digest == same.digest
        assert len(one.slices) == len(one.losses[0].values)
        return one.images, one.losses[0].values.tobytes()

    assert losses(1) == losses(1) != losses(2)
    assert losses(2)[0] == {"seed": 2, "count": settings.gates.fresh_images}
    card = confirmed_on(here, PROBLEM, dataset, settings.simulate)
    monkeypatch.setattr(type(PROBLEM), "simulated", lambda *_: False)
    said = {"split": "confirmation", "data": dataset.digest}
    read = [losses(seed) for seed in (1, 2)]
    assert [images for images, _ in read] == [{**said, "reads": 1}, {**said, "reads": 2}]
    assert read[0][1] == read[1][1]
    assert (
        confirmed_on(here, PROBLEM, dataset, settings.simulate) == "the confirmation split, which has been read 2 times"
    )
    assert card == "images drawn for each comparison"


def test_a_model_that_does_not_keep_what_it_learned_from_is_not_judged(here: Workspace) -> None:
    settings = section()
    dataset = drawn(here, settings)
    model = trained(here, settings, dataset)
    whole = (model / SEEN).read_bytes()
    (model / SEEN).write_bytes(whole[:-8])
    with pytest.raises(CannotBeEvaluatedError, match="is not what was written"):
        evaluate(here, PROBLEM, model, dataset, settings)
    (model / SEEN).unlink()
    with pytest.raises(CannotBeEvaluatedError, match="does not keep which images"):
        evaluate(here, PROBLEM, model, dataset, settings)
    assert trained(here, settings, dataset) == model  # which finds what is lost, and makes it anew
    assert (model / SEEN).read_bytes() == whole
    evaluate(here, PROBLEM, model, dataset, settings)


def test_a_model_is_not_judged_on_images_that_it_could_not_know_again(
    here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When other things are stored of an image than what its digest was made of."""
    settings = section()
    model = trained(here, settings, drawn(here, settings))
    renamed = lambda self, settings: (*self.targets(settings), Field(name="noise"))  # noqa: E731
    draw = blob_image.BlobImage.draw
    monkeypatch.setattr(blob_image.BlobImage, "stored", renamed)
    monkeypatch.setattr(
        blob_image.BlobImage,
        "draw",
        lambda *asked: replace(drew := draw(*asked), columns=drew.columns.rename(columns={"sigma": "noise"})),
    )
    dataset = publish(here, simulate(here, PROBLEM, settings.simulate, force=True))
    said = r"known by clean_image \(float32\), sigma \(float64\), and .* has clean_image \(float32\), so that nobody"
    with pytest.raises(CannotBeEvaluatedError, match=said):
        evaluate(here, PROBLEM, model, dataset, settings)


@examples(max_examples=100)
@given(
    count=st.integers(100, 200_000), size=st.integers(50, 5000),
    shares=st.tuples(*[st.floats(0.001, 0.33) for _ in range(3)]),
)  # fmt: skip
def test_every_image_lies_in_one_file_of_one_split(count: int, size: int, shares: tuple[float, float, float]) -> None:
    names = ("validation_fraction", "test_fraction", "confirmation_fraction")
    settings = section(count=count, shard_size=size, **dict(zip(names, shares, strict=True))).simulate
    counts = PROBLEM.counts(settings)
    places = shards(counts, size=settings.shard_size)
    assert sum(counts.values()) == count
    assert min(counts.values()) > 0
    for split in SPLITS:
        rows = [row for place in places if place.split == split for row in place.rows]
        assert rows == list(range(counts[split]))
    assert max(len(place.rows) for place in places) <= size
    assert [place.split for place in places] == sorted((place.split for place in places), key=SPLITS.index)


def test_the_full_size_has_the_images_of_the_demo_in_the_same_splits() -> None:
    problem: Any = find_problem("galaxy-shape")
    demo, full = (
        load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size=size).simulate
        for size in ("demo", "full")
    )
    assert full.count > demo.count
    assert full.shard_size != demo.shard_size
    drawn_by = {
        (size, split): problem.draw(of, split, range(6)).arrays["stamp"]
        for size, of in (("demo", demo), ("full", full))
        for split in SPLITS
    }
    for split in SPLITS:
        assert np.array_equal(drawn_by["demo", split], drawn_by["full", split])
    stamps = [stamp.tobytes() for split in SPLITS for stamp in drawn_by["demo", split]]
    assert len(set(stamps)) == len(stamps)
