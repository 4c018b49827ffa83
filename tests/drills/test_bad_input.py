"""Bad input: one line that names it, the status that scripts rely on, and nothing half-written."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.workspace import Workspace
from components.fields.dataset import Dataset
from tests.conftest import SMALL, commit, link_code, make_house, write_params
from tests.drills.commands import assay, assay_here, refused
from tests.drills.houses import adopt


@pytest.fixture
def house(tmp_path: Path) -> Workspace:
    return make_house(tmp_path / "house")


def test_unknown_problem(house: Workspace) -> None:
    refused(assay_here(house, "run", "galaxy-shapes"), "unknown problem 'galaxy-shapes'", "known are galaxy-shape")
    refused(assay_here(house, "history", "nebula"), "unknown problem 'nebula'")


@pytest.mark.parametrize("count", ["0", "-5", "7"])
def test_count_that_makes_no_dataset(house: Workspace, count: str) -> None:
    done = assay_here(house, "simulate", "galaxy-shape", "--count", count)
    refused(done, f"--count {count}: Input should be greater than or equal to 100")
    assert not house.home.exists()


def test_count_that_is_no_number(house: Workspace) -> None:
    refused(assay_here(house, "simulate", "galaxy-shape", "--count", "many"), "--count", status=2)


def test_misspelt_key_and_value_out_of_range(house: Workspace) -> None:
    write_params(house.root, {"train": {"learnig_rate": 1e-3}})
    refused(assay_here(house, "run", "galaxy-shape"), "problems.galaxy-shape.train.learnig_rate", "learning_rate?")
    write_params(house.root, {"simulate": {"n": [0.5, 9]}})
    refused(assay_here(house, "run", "galaxy-shape"), "simulate", "n = [0.5, 9.0]", "0.3 to 6.2")
    assert not house.home.exists()


def test_a_cut_that_no_galaxy_passes_is_named_and_not_drawn_for_ever(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house", SMALL | {"simulate": SMALL["simulate"] | {"snr": [900, 1000]}})
    done = assay_here(house, "simulate", "galaxy-shape")
    refused(done, "simulate.snr [900, 1000]: 0 of 10,", "params.yaml")
    assert not house.data.exists()


def test_no_params_and_no_repository(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    nowhere = Workspace(root=empty, home=empty / ".assay")
    refused(assay_here(nowhere, "models"), "no params.yaml")
    write_params(empty)
    link_code(empty)
    done = assay_here(nowhere, "run", "galaxy-shape", GIT_CEILING_DIRECTORIES=str(tmp_path))
    refused(done, "no git repository", "git init")
    subprocess.run(["git", "init", "--quiet"], cwd=empty, check=True)
    refused(assay_here(nowhere, "run", "galaxy-shape"), "no commit", "git commit")


def test_state_folder_that_cannot_be_written(house: Workspace) -> None:
    for unwritable in ("/proc/assay", str(house.root / "params.yaml" / "state")):
        done = assay_here(house, "run", "galaxy-shape", ASSAY_HOME=unwritable)
        refused(done, f"ASSAY_HOME {unwritable} cannot be written", "set ASSAY_HOME")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_state_folder(house: Workspace, small_disk: Path) -> None:
    refused(assay_here(house, "simulate", "galaxy-shape", ASSAY_HOME=str(small_disk)), "GB free", str(small_disk))
    (small_disk / "rest").write_bytes(b"\0" * (shutil.disk_usage(small_disk).free))
    refused(assay_here(house, "run", "galaxy-shape", ASSAY_HOME=str(small_disk)), "cannot be written", "No space left")
    assert not (house.root / "data").exists()


def test_dataset_larger_than_any_disk(house: Workspace) -> None:
    done = assay_here(house, "simulate", "galaxy-shape", "--count", "100000000000")
    refused(done, "GB free", "lower the count")


def test_port_in_use(house: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(assay_here(house, "serve", "galaxy-shape", "--port", str(port)), f"port {port} is in use", "--port")


def test_nothing_to_serve_or_to_promote(house: Workspace) -> None:
    # As a process: what makes the databases of a new house has things to say of its own, to the terminal.
    done = assay(house, "serve", "galaxy-shape")
    refused(done, "nothing in production", "assay run galaxy-shape")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    refused(
        assay_here(house, "promote", "galaxy-shape", "3", "--to", "staging", "--reason", "x"),
        "no dataset",
        "assay simulate",
    )


def test_data_file_cut_short(house: Workspace, small_dataset: Dataset) -> None:
    data = house.root / "data" / "galaxy-shape"
    adopt(house, small_dataset.folder)
    (house.root / ".gitignore").write_text(".assay/\ndata/\n", encoding="utf-8")
    commit(house.root)
    shard = data / "stamp-train-00001.npy"
    shard.write_bytes(shard.read_bytes()[:-1000])
    for done in (assay(house, "run", "galaxy-shape"), assay_here(house, "train", "galaxy-shape")):
        refused(done, "stamp-train-00001.npy has", "should have", "assay simulate")
    assert not (house.home / "models").exists()


def test_damaged_manifest_is_named(house: Workspace, small_dataset: Dataset) -> None:
    data = house.root / "data" / "galaxy-shape"
    adopt(house, small_dataset.folder)
    whole = (data / "manifest.json").read_text(encoding="utf-8")
    for damaged in ("{", whole.replace('"sigma"', '"sigme"', 1), whole.replace('"seal"', '"zeal"')):
        assert damaged != whole
        (data / "manifest.json").write_text(damaged, encoding="utf-8")
        refused(assay_here(house, "train", "galaxy-shape"), "manifest.json is not what was written")


def test_another_run_of_the_same_problem(house: Workspace) -> None:
    from filelock import FileLock

    (house.home / "locks").mkdir(parents=True)
    with FileLock(house.home / "locks" / "galaxy-shape.lock"):
        refused(assay_here(house, "search", "galaxy-shape"), "another assay command is working on galaxy-shape")


def test_image_that_is_none(house: Workspace, tmp_path: Path) -> None:
    picture = tmp_path / "galaxy.png"
    picture.write_text("not a picture", encoding="utf-8")
    given = ["--set", "sigma=200", "--set", "psf_fwhm=0.5"]
    refused(
        assay_here(house, "predict", "galaxy-shape", str(picture), *given), "galaxy.png: cannot be read as a picture"
    )
    (tmp_path / "x.gif").write_bytes(b"GIF89a")
    for name, said in (("x.gif", "unknown kind of picture '.gif'"), ("y.gif", "there is no such file")):
        refused(assay_here(house, "predict", "galaxy-shape", str(tmp_path / name), *given), said)
    refused(assay_here(house, "predict", "galaxy-shape", str(picture), "--set", "sigma"), "NAME=NUMBER", status=2)
    refused(assay_here(house, "predict", "galaxy-shape", str(picture), "--samples", "9"), "add --json", status=2)
