"""Simulation shards, exact posteriors and failure maps of a Dask scheduler's workers are those of this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from components.core import AssayError, spreading
from components.data.shards import draw_shards
from components.evidence import Measuring, measure_along
from components.evidence.asking import asking
from components.evidence.denoised import LOSS
from components.evidence.numbers import RegressionProblem
from components.evidence.numbers.failure_maps import measure_failures
from components.evidence.numbers.parts import Gathering
from components.fields import Answer, Metric
from components.fields.dataset import Dataset
from components.fields.estimators import build_estimator
from components.problems import find_problem
from components.problems.sky_denoising.departures import _scores, sky_axes
from components.problems.sky_denoising.noises import COUNTS
from components.problems.sky_denoising.scores import of_kind
from tests.dask_workers import dask_workers
from tests.model.problems.skies import small_skies
from tests.model.problems.small import load_small
from tests.toys.blob_class import BlobClass, BlobSettings

AXES = 3
CPU = torch.device("cpu")
SETTINGS = BlobSettings(
    count=200, seed=1, shard_size=50, validation_fraction=0.2, test_fraction=0.2, confirmation_fraction=0.1, size=16
)
SMALL: dict[str, Any] = {
    "simulate": small_skies(100, 100),
    "evaluate": {"failure_images": 8, "bootstrap": 100},
}


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dask_workers(tmp_path_factory.mktemp("dask"), 2) as address:
        yield address


@pytest.fixture
def by_workers(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called on, nothing is computed here."""

    def begin() -> None:
        monkeypatch.setenv("ASSAY_DASK_URL", scheduler)
        monkeypatch.setattr(spreading, "_numbered", None)
        monkeypatch.setattr(spreading, "ProcessPoolExecutor", None)

    return begin


def test_shards_are_the_same_to_the_byte(tmp_path: Path, by_workers: Callable[[], None]) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    draw_shards(BlobClass(), SETTINGS, here)
    by_workers()
    draw_shards(BlobClass(), SETTINGS, there)
    names = sorted(path.name for path in here.iterdir())
    assert names == sorted(path.name for path in there.iterdir())
    assert len(names) > 2 * 5
    for name in names:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name


def test_a_worker_with_other_code_is_named_and_nothing_of_it_is_taken(
    tmp_path: Path, by_workers: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_workers()
    monkeypatch.setattr(spreading, "value_digest", lambda _: "of another commit")
    with pytest.raises(AssayError, match=r"a worker on .+ has other code or libraries than this command: install"):
        draw_shards(BlobClass(), SETTINGS, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["galactic-centre", "sky-denoising"])
def test_failure_maps_are_the_same(name: str, by_workers: Callable[[], None], tmp_path: Path) -> None:
    torch.manual_seed(0)
    problem, settings = find_problem(name), load_small(name, SMALL)
    estimator = build_estimator(problem, settings).eval()
    seen: list[int] = []
    nothing = Dataset(folder=tmp_path, manifest={})  # they read none of it
    here, of_here = failures(problem, settings, asking(estimator), nothing, seen.append)
    images = sum(seen)
    seen.clear()
    by_workers()
    there, of_there = failures(problem, settings, asking(estimator), nothing, seen.append)
    pd.testing.assert_frame_equal(here, there, rtol=1e-6)
    assert of_here.keys() == of_there.keys()
    for metric, found in of_here.items():
        np.testing.assert_allclose(of_there[metric].value, found.value, rtol=1e-6)
    assert len(seen) == AXES
    assert sum(seen) >= images  # those that axes have in common are asked about by each worker


def failures(
    problem: Any, settings: Any, answer: Answer, dataset: Dataset, progress: Callable[[int], object]
) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Along the first axes of a problem."""
    asked: Any = {"problem": problem, "answer": answer, "dataset": dataset, "device": CPU, "progress": progress}
    if isinstance(problem, RegressionProblem):
        of = settings.evaluate
        axes = problem.failure_axes(settings.simulate, of.failure_images, of.seed)
        return measure_failures(Gathering(whole=settings, **asked), axes[:AXES])
    about = Measuring(settings=settings, slices=problem.slices(settings), **asked)
    return measure_along(of_kind(about, COUNTS), sky_axes(settings)[:AXES], _scores, loss=LOSS)
