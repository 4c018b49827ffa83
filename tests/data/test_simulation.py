"""A dataset is known by the code that its drawing began with, and drawn again only when that is another."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from components.core.errors import IntegrityError
from components.core.workspace import Workspace
from components.data import simulation
from components.data.data_file import read_row, write_row
from components.data.simulation import dataset_key, is_made_by, publish, simulate
from tests.toys import SECTIONS
from tests.toys.blob_class import BlobClass

PROBLEM = BlobClass()
SETTINGS: Any = TypeAdapter(PROBLEM.settings).validate_python(SECTIONS["blob-class"]).simulate


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path, home=tmp_path / ".assay")


def test_code_that_changes_while_a_dataset_is_drawn_does_not_pass_for_what_drew_it(
    here: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = dataset_key(PROBLEM, SETTINGS)
    staged = simulate(here, PROBLEM, SETTINGS)
    inputs = simulation.simulator_inputs(PROBLEM, SETTINGS)
    monkeypatch.setattr(simulation, "simulator_inputs", lambda *_: {**inputs, "code": {"changed": "since"}})
    dataset = publish(here, staged)
    row = read_row(here, PROBLEM.name)
    assert row is not None
    assert (row.key, row.dataset) == (began, dataset.digest)
    assert not is_made_by(here, dataset, dataset_key(PROBLEM, SETTINGS))
    again = simulate(here, PROBLEM, SETTINGS)
    assert again.folder != dataset.folder
    assert again.digest == dataset.digest  # the same bytes: nothing that was made of it becomes stale
    assert is_made_by(here, publish(here, again), dataset_key(PROBLEM, SETTINGS))


def test_published_data_that_data_dvc_does_not_know_is_drawn_again_and_known_data_is_not(here: Workspace) -> None:
    dataset = publish(here, simulate(here, PROBLEM, SETTINGS))
    assert simulate(here, PROBLEM, SETTINGS).folder == dataset.folder
    write_row(here, PROBLEM.name, meta={"dataset": "of another", "key": dataset_key(PROBLEM, SETTINGS)})
    assert simulate(here, PROBLEM, SETTINGS).folder != dataset.folder


def test_the_versioned_folder_says_nothing_of_code_and_libraries(here: Workspace) -> None:
    dataset = publish(here, simulate(here, PROBLEM, SETTINGS))
    assert set(dataset.manifest) == {"problem", "settings", "fingerprint", "files"}
    assert {path.name for path in dataset.folder.iterdir()} == {*dataset.manifest["files"], "manifest.json"}
    catalogue = (dataset.folder / "catalogue.parquet").read_bytes()
    for noted in (b"pandas", b"ARROW:schema"):
        assert noted not in catalogue


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], set[str]]:
    """The files of a folder that were hashed since this was asked last; their clocks ticked long ago."""
    read: list[Path] = []
    digest, clock = hashlib.file_digest, time.time_ns

    def counted(file: Any, kind: str) -> Any:
        read.append(Path(file.name))
        return digest(file, kind)

    def asked(folder: Path) -> set[str]:
        found = {path.name for path in read if path.parent == folder}
        read.clear()
        return found

    monkeypatch.setattr(hashlib, "file_digest", counted)
    monkeypatch.setattr(time, "time_ns", lambda: clock() + 3_000_000_000)
    return asked


def test_data_is_hashed_when_it_is_published_and_later_only_where_it_was_written_to(
    here: Workspace, hashed: Callable[[Path], set[str]]
) -> None:
    dataset = publish(here, simulate(here, PROBLEM, SETTINGS))
    assert hashed(dataset.folder) == {*dataset.manifest["files"]}
    simulate(here, PROBLEM, SETTINGS)
    hashed(dataset.folder)
    again = simulate(here, PROBLEM, SETTINGS)
    assert hashed(dataset.folder) == set()
    again.check()
    assert hashed(dataset.folder) == {*dataset.manifest["files"]}
    damaged = dataset.folder / "clean-test-00000.npy"
    assert damaged.name in dataset.manifest["files"]
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(IntegrityError, match=f"{damaged.name} is not what was written"):
        simulate(here, PROBLEM, SETTINGS)
    assert damaged.name in hashed(dataset.folder)
