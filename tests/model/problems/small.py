"""The fixtures of a problem's tests: the problem, its settings with few small images, and their dataset.

problem, settings, small_dataset = fixtures("upsampling", small_settings)
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.problems import find_problem
from tests.conftest import HOUSE


def load_small(name: str, overrides: Mapping[str, Mapping[str, Any]]) -> Any:
    """A problem's settings as params.yaml has them, but for some."""
    problem = find_problem(name)
    return load_settings(HOUSE / "params.yaml", problem.name, problem.settings, overrides=overrides)


def fixtures(name: str, small_settings: Callable[[], Any]) -> tuple[Any, Any, Any]:
    """What `ProblemConformance` asks for; the dataset is drawn once for a module.

    Args:
        name: of the problem.
        small_settings: makes its settings.
    """

    @pytest.fixture(name="problem")
    def problem() -> Problem:
        return find_problem(name)

    @pytest.fixture(name="settings")
    def settings() -> ProblemSettings:
        found: ProblemSettings = small_settings()
        return found

    @pytest.fixture(name="small_dataset", scope="module")
    def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
        root = tmp_path_factory.mktemp("drawn")
        workspace = Workspace(root=root, home=root / ".assay")
        return publish(workspace, simulate(workspace, find_problem(name), small_settings().simulate))

    return problem, settings, small_dataset
