"""A small house for tests: its own git repository and state folder, the real params.yaml with small numbers."""

import os

# Before torch is imported: each core has a worker of its own, and threads that wait for a busy core spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest
import yaml

from components.core.house import PACKAGES
from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.problems import find_problem

# A parent that reads lines from a terminal tells its children how wide that is: tables in pipes would be as narrow.
for _size in ("COLUMNS", "LINES"):
    os.environ.pop(_size, None)

pytest_plugins = ["tests.turns"]

HOUSE = Path(__file__).parents[1]

# Shared machines are slow at times, and a test must fail again when it is run again.
hypothesis.settings.register_profile("assay", deadline=None, derandomize=True)
hypothesis.settings.load_profile("assay")

SMALL: dict[str, Any] = {
    "simulate": {
        "count": 320,
        "shard_size": 100,
        "distinct_n": 24,
        "test_fraction": 0.2,
        "validation_fraction": 0.2,
        "confirmation_fraction": 0.1,
    },
    "search": {"trials": 2, "epochs": 1, "images_per_epoch": 64},
    "train": {
        "epochs": 2,
        "batch_size": 32,
        "width": 8,
        "network": "cnn",
        "correction_images": 512,
        "recalibration_images": 256,
    },
    "evaluate": {
        "realisations": 100,
        "fresh_images": 256,
        "bootstrap": 100,
        "reference_images": 2,
        "failure_images": 8,
        "tested_alarm": 1.0,  # one image in eight that is doubted says nothing of a share
    },
    "gates": {
        "staging": [{"metric": "posterior.crps_over_crb.test", "max": 1000}],
        "production": [],
        "fresh_images": 640,
        "committed": False,  # the code of most houses here is a link, which no commit holds
    },
    "honesty": {"grid_points": 8, "noise_pairs": 16, "shear_galaxies": 64},
    "package": {"golden_inputs": 2},
}
"""What makes every step take seconds; the networks it makes are no good, and its gates do not ask for it."""


def write_params(folder: Path, sections: Mapping[str, Mapping[str, Any]] = SMALL) -> None:
    """Write the house's params.yaml into a folder, the given values of galaxy-shape on top; committed in a house."""
    params = yaml.safe_load((HOUSE / "params.yaml").read_text(encoding="utf-8"))
    for section, values in sections.items():
        params["problems"]["galaxy-shape"][section].update(values)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    if (folder / ".git").exists():
        git(folder, "commit", "--quiet", "--allow-empty", "--message", "settings", "--", "params.yaml")


def link_code(folder: Path) -> None:
    """Make this code that of a folder, where it has none: commands refuse to run in another's."""
    for name in PACKAGES:
        if not (folder / name).exists():
            (folder / name).symlink_to(HOUSE / name)


def make_house(folder: Path, sections: Mapping[str, Mapping[str, Any]] = SMALL) -> Workspace:
    """A git repository with a small params.yaml, committed, links to this code, and its state folder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    link_code(folder)
    write_params(folder, sections)
    shutil.copy(HOUSE / "dvc.yaml", folder / "dvc.yaml")
    (folder / ".gitignore").write_text(".assay/\nbuild/\n__pycache__/\n/data\n", encoding="utf-8")
    commit(folder)
    return Workspace(root=folder, home=folder / ".assay")


def make_house_with_code(folder: Path) -> Workspace:
    """The same with a copy of the code, which `python -m assay` takes from the current folder."""
    for package in PACKAGES:
        shutil.copytree(HOUSE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return make_house(folder)


def commit(folder: Path) -> None:
    """Commit everything in a folder, making it a repository first when it is none."""
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "state"]):
        git(folder, *command)


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, as somebody who has a name."""
    somebody = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", *somebody, *arguments], cwd=folder, check=True)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """What a test leaves behind is undone.

    A workspace that is used becomes the process's own, by variables: the next test's would find its MLflow there.
    A service takes all cores, and with them the last bits of float32 are others.
    """
    with mock.patch.dict(os.environ):
        yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def problem() -> Problem:
    return find_problem("galaxy-shape")


@pytest.fixture
def settings(tmp_path: Path) -> ProblemSettings:
    write_params(tmp_path)
    return small_settings(tmp_path)


def small_settings(folder: Path) -> ProblemSettings:
    return load_settings(folder / "params.yaml", "galaxy-shape", find_problem("galaxy-shape").settings)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new small house; the process's environment points at its state folder."""
    workspace = make_house(tmp_path / "house")
    for name, value in workspace.environment().items():
        monkeypatch.setenv(name, value)
    return workspace


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The dataset of a small house, drawn once; it must not be changed."""
    workspace = make_house(tmp_path_factory.mktemp("drawn"))
    problem, drawn = find_problem("galaxy-shape"), small_settings(workspace.root).simulate
    return publish(workspace, simulate(workspace, problem, drawn))
