"""The toys of each other kind keep to what every problem keeps to."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from tests.model.problems.problem_conformance import ProblemConformance
from tests.toys import SECTIONS
from tests.toys.blob_class import BlobClass
from tests.toys.blob_image import BlobImage
from tests.toys.blob_mask import BlobMask

DRAWN: dict[str, Dataset] = {}


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
