"""A folder of one's own pictures goes the way of every dataset: drawn, validated, published, known by what is in it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core.params import load_settings
from components.core.workspace import Workspace
from components.data.simulation import dataset_key, publish, simulate
from components.data.validation import validate
from components.fields.dataset import Dataset
from tests.pictures import make_folder
from tests.toys import SECTIONS
from tests.toys.own_pictures import OwnPictures, OwnPicturesSettings

PROBLEM = OwnPictures()


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    make_folder(tmp_path / "mine")
    return Workspace(root=tmp_path, home=tmp_path / ".assay")


def asked(workspace: Workspace, **changed: Any) -> OwnPicturesSettings:
    """The settings as commands read them, from whatever folder."""
    section = SECTIONS[PROBLEM.name]
    said = {"problems": {PROBLEM.name: section | {"simulate": section["simulate"] | changed}}}
    (workspace.root / "params.yaml").write_text(yaml.safe_dump(said))
    found = load_settings(workspace.root / "params.yaml", PROBLEM.name, PROBLEM.settings)
    assert isinstance(found, OwnPicturesSettings)
    return found


def test_a_folder_becomes_a_dataset_that_says_where_it_comes_from(here: Workspace, monkeypatch: Any) -> None:
    (here.root / "mine" / "pictures" / "below").mkdir()
    monkeypatch.chdir(here.root / "mine" / "pictures" / "below")  # paths start from params.yaml
    settings = asked(here).simulate
    dataset = publish(here, simulate(here, PROBLEM, settings))
    assert len(dataset.catalogue) == 60
    assert dataset.manifest["material"]["licences"] == {"CC BY 4.0": 60}
    assert "root" not in dataset.manifest["settings"], "where things lie decides nothing"
    assert set(dataset.catalogue["file"]) == {f"g{number:03d}" for number in range(60)}
    found = validate(here, PROBLEM, dataset, settings)
    assert found.passed, found.failures
    assert simulate(here, PROBLEM, settings).folder == dataset.folder, "nothing is read twice"


def test_the_same_pictures_elsewhere_are_the_same_dataset_and_another_picture_makes_another(
    here: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = asked(here).simulate
    first = simulate(here, PROBLEM, settings)
    root = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(here.root / "mine", root / "mine")
    there = Workspace(root=root, home=root / ".assay")
    assert simulate(there, PROBLEM, asked(there).simulate).digest == first.digest
    key = dataset_key(PROBLEM, settings)
    shutil.copy(here.root / "mine" / "pictures" / "g001.png", here.root / "mine" / "pictures" / "g003.png")
    assert dataset_key(PROBLEM, settings) != key
    changed = simulate(here, PROBLEM, settings)
    assert changed.digest != first.digest
    found = validate(here, PROBLEM, changed, settings)
    assert [failure.expected for failure in found.failures] == ["no image twice"]


def test_a_folder_of_which_much_cannot_be_read_is_no_dataset(here: Workspace) -> None:
    for number in (1, 4, 9, 12, 17, 20, 25, 30):
        (here.root / "mine" / "pictures" / f"g{number:03d}.png").write_bytes(b"no")
    settings = asked(here, unreadable="skip").simulate
    dataset = simulate(here, PROBLEM, settings)
    assert isinstance(dataset, Dataset)
    assert len(dataset.manifest["material"]["skipped"]) == 8
    found = validate(here, PROBLEM, dataset, settings)
    assert [failure.column for failure in found.failures] == ["skipped_share"]
    assert found.failures[0].expected == "≤ 0.1 of the files, which cannot be read"
