"""The toys of each other kind keep to what every problem keeps to."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import TypeAdapter

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from tests.model.problems.problem_conformance import ProblemConformance
from tests.pictures import make_folder
from tests.toys import SECTIONS
from tests.toys.blob_class import BlobClass
from tests.toys.blob_image import BlobImage
from tests.toys.blob_mask import BlobMask
from tests.toys.own_pictures import OwnPictures

DRAWN: dict[str, Dataset] = {}
FOLDERS: dict[str, Path] = {}


class ToyConformance(ProblemConformance):
    """The conformance tests with the fixtures of a toy."""

    toy: type[Any]

    @pytest.fixture
    def problem(self) -> Problem:
        found: Problem = self.toy()
        return found

    @pytest.fixture
    def settings(self, problem: Problem, tmp_path: Path) -> ProblemSettings:
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"problems": SECTIONS}))
        return load_settings(tmp_path / "params.yaml", problem.name, problem.settings)

    @pytest.fixture
    def small_dataset(
        self, problem: Problem, settings: ProblemSettings, tmp_path_factory: pytest.TempPathFactory
    ) -> Dataset:
        """Drawn once in a process, which takes longer than most of the tests."""
        if problem.name not in DRAWN:
            root = tmp_path_factory.mktemp("drawn")
            workspace = Workspace(root=root, home=root / ".assay")
            DRAWN[problem.name] = publish(workspace, simulate(workspace, problem, settings.simulate))
        return DRAWN[problem.name]


class TestBlobMask(ToyConformance):
    """Of the kind `mask`."""

    toy = BlobMask


class TestBlobImage(ToyConformance):
    """Of the kind `image`."""

    toy = BlobImage


class TestBlobClass(ToyConformance):
    """Of the kind `classes`."""

    toy = BlobClass


class TestOwnPictures(ToyConformance):
    """Of images that are read."""

    toy = OwnPictures

    @pytest.fixture
    def settings(self, problem: Problem, tmp_path_factory: pytest.TempPathFactory) -> ProblemSettings:
        if problem.name not in FOLDERS:
            FOLDERS[problem.name] = tmp_path_factory.mktemp("own")
            make_folder(FOLDERS[problem.name] / "mine", 80)
        path = FOLDERS[problem.name] / "params.yaml"
        path.write_text(yaml.safe_dump({"problems": SECTIONS}))
        return load_settings(path, problem.name, problem.settings)


@pytest.mark.parametrize(("toy", "target"), [(BlobMask, "mask"), (BlobImage, "clean_image")])
def test_masks_and_clean_images_are_mirrored_with_their_images(toy: type[Any], target: str) -> None:
    problem = toy()
    settings = TypeAdapter(problem.settings).validate_python(SECTIONS[problem.name])
    shard, rows = problem.draw(settings.simulate, "train", range(50)), np.arange(50)
    columns = {
        name: torch.tensor(shard.columns[name].to_numpy(np.float32)) for name in shard.columns if name != "split"
    }
    stored = {**columns, **{name: torch.from_numpy(array) for name, array in shard.arrays.items()}}
    mirrored = 0
    for seed in range(4):
        inputs, targets = problem.present(stored, row_seeds([seed], rows), settings, training=True)
        pair = torch.stack([inputs["image"].flatten(1), targets[target].flatten(1)])
        pair = pair - pair.mean(dim=2, keepdim=True)
        likeness = (pair[0] * pair[1]).sum(1) / pair.square().sum(2).prod(0).sqrt()
        assert likeness.mean() > 0.7
        assert likeness.min() > 0.3
        mirrored += int((targets[target] != stored[target]).flatten(1).any(1).sum())
    assert 60 < mirrored < 140


def test_a_problem_that_measures_no_honesty_says_so() -> None:
    with pytest.raises(AssayError, match="blob-mask measures no honesty: take its `honesty` section out"):
        BlobMask().measure_honesty(dict, None, device=torch.device("cpu"), progress=lambda _: None)
