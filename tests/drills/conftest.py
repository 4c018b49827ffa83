"""Houses with models in them and packages, made once in a test run and copied for each drill.

The workers of a parallel run share them: the first that asks makes a house, the others wait for it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from components.core.workspace import Workspace
from components.fields.dataset import Dataset
from components.packages.files import Package, verify_package
from tests.drills.houses import copy_house, make_candidates, to_production
from tests.drills.packages import build, new_workspace

_MADE_ONCE = ("candidates", "promoted", "succeeded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one worker make the houses for the first module that needs them, and others do drills that need none."""
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    drills = [name for name in modules if name.startswith("tests/drills/")]
    first, *others = [name for name in drills if any(map(_needs_a_house, modules[name]))] or [""]
    order = [first, *(name for name in drills if name not in {first, *others}), *others, *modules]
    items[:] = [item for name in dict.fromkeys(order) for item in modules.get(name, ())]


def _needs_a_house(item: pytest.Item) -> bool:
    """Whether a test waits for one of those that are made once."""
    found = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    own = "house" in found and found["house"][-1].baseid != "tests/drills"
    return not own and any(name in found for name in (*_MADE_ONCE, "house"))


@pytest.fixture(scope="session")
def candidates(tmp_path_factory: pytest.TempPathFactory, small_dataset: Dataset) -> Workspace:
    """A house with three candidates."""
    return _made_once(tmp_path_factory, "candidates", lambda root: make_candidates(root, small_dataset.folder, 3))


@pytest.fixture(scope="session")
def promoted(tmp_path_factory: pytest.TempPathFactory, candidates: Workspace) -> Workspace:
    """The same with version 1 in production."""

    def make(root: Path) -> None:
        to_production(copy_house(candidates, root), 1, "--first")

    return _made_once(tmp_path_factory, "promoted", make)


@pytest.fixture(scope="session")
def succeeded(tmp_path_factory: pytest.TempPathFactory, promoted: Workspace) -> Workspace:
    """The same after versions 2 and 3 have been in production, too."""

    def make(root: Path) -> None:
        house = copy_house(promoted, root)
        for version in (2, 3):
            to_production(house, version)

    return _made_once(tmp_path_factory, "succeeded", make)


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """A copy of one of them, to do anything with; of `candidates` unless a test is marked `house("another")`."""
    marker = request.node.get_closest_marker("house")
    return copy_house(request.getfixturevalue(marker.args[0] if marker else "candidates"), tmp_path / "house")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Package]:
    """A workspace with a package in it; it must not be changed."""
    workspace = new_workspace(tmp_path_factory.mktemp("built"))
    return workspace, build(workspace)


@pytest.fixture
def damaged(built: tuple[Workspace, Package], tmp_path: Path) -> tuple[Workspace, Package]:
    """The package in a workspace of its own, to be damaged."""
    shutil.copytree(built[0].root, tmp_path, symlinks=True, dirs_exist_ok=True)
    workspace = Workspace(root=tmp_path, home=tmp_path / ".assay")
    return workspace, verify_package(workspace, built[1].tag)


@pytest.fixture
def no_trace(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written to the user's home, and no process outlives a test."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    before = set(psutil.Process().children(recursive=True))
    yield
    # pip asks rustc for its version, and rustup makes a folder to answer.
    assert {path.name for path in home.iterdir()} <= {".rustup"}
    assert set(psutil.Process().children(recursive=True)) <= before


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Workspace:
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    root, ready = shared / name / "house", shared / name / "ready"
    root.parent.mkdir(exist_ok=True)
    with FileLock(shared / f"{name}.lock"):
        if not ready.exists():
            shutil.rmtree(root, ignore_errors=True)  # what a worker left that failed
            make(root)
            ready.touch()
    return Workspace(root=root, home=root / ".assay")
