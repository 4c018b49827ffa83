"""State folders that are moved and copied: each has its own files, and nobody touches another's."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.core.digests import file_sha256
from components.core.errors import IntegrityError
from components.core.workspace import Workspace
from components.registry.home_files import home_folder
from components.registry.registry import Registry
from tests.code.registry.trained import Trained

NAMES = ["moved", "with spaces and é", "a+b=c&d"]


def enter(workspace: Workspace, environment: pytest.MonkeyPatch) -> Registry:
    """The registry of a house, as a command in it has it."""
    for name, value in workspace.environment().items():
        environment.setenv(name, value)
    return Registry(workspace)


def files(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file_sha256(file) for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_a_house_that_was_moved_finds_its_files(
    trained: Trained, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import mlflow

    assert trained.register() == 1
    root = tmp_path_factory.mktemp("elsewhere") / name
    shutil.move(trained.workspace.root, root)
    registry = enter(Workspace(root=root, home=root / ".assay"), monkeypatch)
    assert registry.model_folder("galaxy-shape", 1).is_relative_to(root)
    assert registry.evaluation_file("galaxy-shape", 1, "report.json") == b"{}"
    registry.check()  # from here on this process's MLflow is that of this house
    loaded = mlflow.pyfunc.load_model("models:/galaxy-shape/1")  # MLflow's own way
    assert loaded.metadata.get_input_schema() is not None
    trained.workspace.root.mkdir()  # for the fixture


def test_a_copy_and_its_original_are_used_in_turn_and_never_meet(
    trained: Trained, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained.register() == 1
    original, root = trained.workspace, tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(original.root, root, symlinks=True)
    copy, before = Workspace(root=root, home=root / ".assay"), files(original.root)

    registry = enter(copy, monkeypatch)
    assert Trained(root, seed=1).register() == 2
    registry.delete("galaxy-shape", 1)
    assert len(list((copy.home / "mlartifacts").rglob("weights.safetensors"))) == 1  # version 2's
    assert [info.version for info in registry.versions("galaxy-shape")] == [2]
    assert files(original.root) == before

    after = files(root)
    registry = enter(original, monkeypatch)
    assert registry.model_folder("galaxy-shape", 1).is_relative_to(original.root)
    assert Trained(original.root, seed=2).register() == 2
    registry.delete("galaxy-shape", 1)
    assert files(root) == after


def test_one_process_that_works_on_both_writes_into_each_its_own(
    trained: Trained, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have runs of the same numbers, by which MLflow remembers where it wrote last."""
    assert trained.register() == 1
    original, root = trained.workspace, tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(original.root, root, symlinks=True)
    for house in (original, Workspace(root=root, home=root / ".assay")):
        note = tmp_path / f"{house.root.name}.txt"
        note.write_text(str(house.root))
        enter(house, monkeypatch).attach("galaxy-shape", 1, note, "notes")
        assert [file.parent.parent.is_relative_to(house.home) for file in house.home.rglob(note.name)] == [True]


def test_files_of_a_run_that_lie_elsewhere_are_not_deleted(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a state folder from before, whose addresses were those of the original that it was copied from."""
    monkeypatch.setenv("ASSAY_ARTIFACT_ROOT", (tmp_path / "theirs").as_uri())
    assert trained.register() == 1
    before = files(tmp_path / "theirs")
    assert before
    monkeypatch.setenv("ASSAY_ARTIFACT_ROOT", (tmp_path / "ours").as_uri())
    registry = Registry(trained.workspace)
    with pytest.raises(IntegrityError, match=r"theirs/.* is not within .*ours: nothing is deleted there"):
        registry.delete("galaxy-shape", 1)
    assert files(tmp_path / "theirs") == before
    assert [info.version for info in registry.versions("galaxy-shape")] == [1]
    monkeypatch.setenv("ASSAY_ARTIFACT_ROOT", (tmp_path / "theirs").as_uri())
    Registry(trained.workspace).delete("galaxy-shape", 1)
    assert not [file for file in files(tmp_path / "theirs") if "weights" in file]


@pytest.mark.parametrize("first", ["components.registry.home_files", "components.registry.registry", "mlflow"])
def test_mlflow_knows_the_addresses_whatever_is_imported_first(first: str) -> None:
    asked = (
        f"import {first}; import mlflow.store.artifact.artifact_repository_registry as registry; "
        "print('assay-home' in registry._artifact_repository_registry.get_registered_artifact_repositories())"
    )
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", asked], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_an_address_that_leads_out_of_the_state_folder_is_refused(tmp_path: Path) -> None:
    assert home_folder("assay-home:/a%20b/c", tmp_path) == tmp_path / "mlartifacts" / "a b" / "c"
    for uri in ("assay-home:/a/../../assay.db", "assay-home:/%2e%2e/assay.db"):
        with pytest.raises(IntegrityError, match="leads out of"):
            home_folder(uri, tmp_path)
