"""data.dvc follows the bytes of each problem's data, and brings them back, whatever becomes of the others'."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.core.errors import AssayError, IntegrityError
from components.core.params import load_settings
from components.core.workspace import Workspace
from components.data import versioning
from components.data.data_file import raw_row, read_row, write_row
from components.data.simulation import dataset_key
from components.data.versioning import checkout_data, require_dvc, restore, version_data
from components.problems import find_problem
from tests.conftest import HOUSE

NAME, OTHER = "galaxy-shape", "sky-denoising"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root, user = tmp_path / "repository", tmp_path / "user"
    root.mkdir()
    user.mkdir()
    monkeypatch.setenv("HOME", str(user))
    workspace = Workspace(root=root, home=root / ".assay")
    _activate(workspace, monkeypatch)
    _git(root, "init", "--quiet")
    (root / ".gitignore").write_text(".assay/\n/data\n")
    _write(workspace, b"first")
    return workspace


def test_same_bytes_have_the_same_version_and_leave_git_clean(workspace: Workspace) -> None:
    first = version_data(workspace, NAME)
    _commit(workspace)
    _write(workspace, b"first")
    (workspace.data / ".galaxy-shape.1f3a").mkdir()
    (workspace.data / ".galaxy-shape.1f3a" / "shard.npy").write_bytes(b"half a copy")  # is not part of the version
    again = version_data(workspace, NAME)
    assert first.changed
    assert not again.changed
    assert first.md5 == again.md5 == md5_of(workspace, NAME)
    assert _git(workspace.root, "status", "--porcelain") == ""


def test_other_bytes_have_another_version_and_the_old_one_is_kept_unharmed(workspace: Workspace) -> None:
    first = version_data(workspace, NAME)
    _commit(workspace)
    with (workspace.data / "galaxy-shape" / "shard.npy").open("r+b") as file:  # in place, as a careless tool does
        file.write(b"OTHER")
    second = version_data(workspace, NAME)
    assert second.changed
    assert second.md5 != first.md5
    assert "data.dvc" in _git(workspace.root, "diff", "--cached", "--name-only")  # autostage told git
    _git(workspace.root, "checkout", "--quiet", "HEAD", "--", "data.dvc")
    assert restore(workspace, NAME)
    assert _read(workspace) == b"first"


def test_nothing_is_written_to_the_users_home(workspace: Workspace, tmp_path: Path) -> None:
    version_data(workspace, NAME)
    assert list((tmp_path / "user").iterdir()) == []


def test_a_clone_gets_the_data_from_the_remote(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_dvc(workspace)
    remote = tmp_path / "remote"
    config = workspace.root / ".dvc" / "config"
    config.write_text(config.read_text() + f"    remote = shared\n['remote \"shared\"']\n    url = {remote}\n")
    pushed = version_data(workspace, NAME)
    assert pushed.pushed
    _commit(workspace)

    clone = Workspace(root=tmp_path / "clone", home=tmp_path / "clone" / ".assay")
    subprocess.run(["git", "clone", "--quiet", workspace.root, clone.root], check=True)
    _activate(clone, monkeypatch)
    hidden = remote.rename(tmp_path / "hidden")
    assert not restore(clone, NAME)
    assert not clone.dataset(NAME).exists()
    hidden.rename(remote)
    assert restore(clone, NAME)
    assert _read(clone) == b"first"
    assert version_data(clone, NAME).md5 == pushed.md5
    assert _git(clone.root, "status", "--porcelain") == ""


def test_one_problems_data_is_versioned_restored_and_checked_out_without_the_others(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_dvc(workspace)
    config = workspace.root / ".dvc" / "config"
    remote = tmp_path / "remote"
    config.write_text(config.read_text() + f"    remote = shared\n['remote \"shared\"']\n    url = {remote}\n")
    first = version_data(workspace, NAME)
    _write(workspace, b"another", OTHER)
    write_row(workspace, OTHER, meta={"dataset": "d", "key": "k"})
    shutil.rmtree(workspace.data / NAME)  # a row whose folder is not there
    other = version_data(workspace, OTHER)
    _commit(workspace)
    assert (md5_of(workspace, NAME), md5_of(workspace, OTHER)) == (first.md5, other.md5)
    row = read_row(workspace, OTHER)
    assert row is not None
    assert (row.dataset, row.key) == ("d", "k")  # DVC keeps what stands beside its digests

    clone = Workspace(root=tmp_path / "clone", home=tmp_path / "clone" / ".assay")
    subprocess.run(["git", "clone", "--quiet", workspace.root, clone.root], check=True)
    _activate(clone, monkeypatch)
    assert restore(clone, OTHER)
    assert [path.name for path in clone.data.iterdir()] == [OTHER]
    assert _read(clone, OTHER) == b"another"
    assert _git(clone.root, "status", "--porcelain") == ""
    _write(clone, b"second, of the clone")
    second = version_data(clone, NAME)
    assert md5_of(clone, OTHER) == other.md5
    checkout_data(clone, NAME, first.md5, dataset=None, key="of the first")
    assert _read(clone) == b"first"
    assert _read(clone, OTHER) == b"another"
    assert md5_of(clone, OTHER) == other.md5
    with pytest.raises(AssayError, match="not to be had"):
        checkout_data(clone, NAME, "0" * 32 + ".dir", dataset=None, key="of nothing")
    assert md5_of(clone, NAME) == first.md5
    checkout_data(clone, NAME, first.md5, dataset="d", key="0123456789e12345")  # the same bytes, made by other code
    row = read_row(clone, NAME)
    assert row is not None
    assert (row.md5, row.key) == (first.md5, "0123456789e12345")  # and no number, for DVC neither
    assert version_data(clone, NAME).md5 == first.md5
    assert read_row(clone, NAME) == row
    checkout_data(clone, NAME, second.md5, dataset="d", key="k")
    assert _read(clone) == b"second, of the clone"
    assert md5_of(clone, NAME) == second.md5


def test_a_checkout_that_fails_takes_back_its_own_row_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_data(workspace, NAME)
    before = raw_row(workspace, NAME)

    def meanwhile(*_: object) -> bool:
        write_row(workspace, OTHER, meta={"dataset": "d", "key": "k"})
        return False

    monkeypatch.setattr(versioning, "restore", meanwhile)
    with pytest.raises(AssayError, match="not to be had"):
        checkout_data(workspace, NAME, "0" * 32 + ".dir", dataset="d", key="k")
    assert raw_row(workspace, NAME) == before
    row = read_row(workspace, OTHER)
    assert row is not None
    assert row.key == "k"


CYCLES = """
import sys
from pathlib import Path
from components.core.workspace import Workspace
from components.data.data_file import read_row, write_row
from components.data.simulation import dataset_key
from components.data.versioning import checkout_data, version_data

root, name, seen = Path(sys.argv[1]), sys.argv[2], []
house = Workspace(root=root, home=root / ".assay")
file = house.dataset(name) / "shard.npy"
for number in range(2):
    file.write_bytes(f"{name} {number}".encode())
    write_row(house, name, meta={"dataset": str(number), "key": "k"})
    seen.append(version_data(house, name).md5)
    row = read_row(house, name)
    assert (row.md5, row.dataset) == (seen[-1], str(number)), row
    checkout_data(house, name, seen[0], dataset="0", key="k")
    assert file.read_bytes() == f"{name} 0".encode()
"""


def test_commands_that_work_on_two_problems_at_once_leave_each_others_rows_alone(workspace: Workspace) -> None:
    for name in (NAME, OTHER):
        _write(workspace, b"before", name)
        version_data(workspace, name)
    children = [
        subprocess.Popen([sys.executable, "-c", CYCLES, str(workspace.root), name], cwd=HOUSE) for name in (NAME, OTHER)
    ]
    assert [child.wait() for child in children] == [0, 0]
    for name in (NAME, OTHER):
        row = read_row(workspace, name)
        assert row is not None
        assert row.dataset == "0"
        assert _read(workspace, name) == f"{name} 0".encode()
        assert restore(workspace, name)


def test_restore_does_not_write_over_data_that_no_version_keeps(workspace: Workspace) -> None:
    version_data(workspace, NAME)
    _write(workspace, b"not versioned yet")
    assert not restore(workspace, NAME)
    assert _read(workspace) == b"not versioned yet"


def test_without_a_version_there_is_nothing_to_restore(workspace: Workspace) -> None:
    assert md5_of(workspace, NAME) is None
    assert not restore(workspace, NAME)


def test_a_lock_left_by_a_killed_dvc_does_not_block(workspace: Workspace) -> None:
    version_data(workspace, NAME)
    lock = workspace.root / ".dvc" / "tmp" / "rwlock"
    # The number of the killed process belongs to another program by now: to this one.
    left = {"pid": os.getpid(), "cmd": "dvc checkout"}
    lock.write_text(json.dumps({"write": {str(workspace.data): left}, "read": {}}))
    assert restore(workspace, NAME)
    lock.write_text('{"write": {"/da')
    assert restore(workspace, NAME)


def test_a_killed_add_leaves_nothing_in_the_way(workspace: Workspace) -> None:
    require_dvc(workspace)
    for delay in (0.5, 1.0, 1.5):
        _write(workspace, os.urandom(1 << 22))
        child = subprocess.Popen([sys.executable, "-m", "dvc", "add", "--quiet", f"data/{NAME}"], cwd=workspace.root)
        time.sleep(delay)
        child.kill()
        child.wait()
        assert version_data(workspace, NAME).md5 == md5_of(workspace, NAME)


def test_a_row_of_the_whole_folder_makes_room_for_rows_of_problems(workspace: Workspace) -> None:
    """As data.dvc was before problems had rows, which DVC would refuse as overlapping."""
    (workspace.root / "data.dvc").write_text("outs:\n- md5: c862ef8fda47e535ceea5f3647d60231.dir\n  path: data\n")
    assert not restore(workspace, NAME)
    assert version_data(workspace, NAME).md5 == md5_of(workspace, NAME)
    assert restore(workspace, NAME)


def test_what_is_wrong_is_said_in_one_line(workspace: Workspace, tmp_path: Path) -> None:
    empty = Workspace(root=tmp_path / "empty", home=tmp_path / "empty" / ".assay")
    with pytest.raises(AssayError, match="no data at"):
        version_data(empty, NAME)
    empty.dataset(NAME).mkdir(parents=True)
    with pytest.raises(AssayError, match="git init"):
        version_data(empty, NAME)
    (workspace.root / "data.dvc").write_text("<<<<<<< ours\n")
    with pytest.raises(IntegrityError, match="git checkout"):
        md5_of(workspace, NAME)
    with pytest.raises(AssayError, match=r"git checkout data\.dvc") as caught:
        version_data(workspace, NAME)
    assert "\n" not in str(caught.value)


def md5_of(workspace: Workspace, problem: str) -> str | None:
    row = read_row(workspace, problem)
    return row.md5 if row else None


def _activate(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in workspace.environment().items():
        monkeypatch.setenv(name, value)


def _write(workspace: Workspace, content: bytes, problem: str = NAME) -> None:
    folder = workspace.data / problem
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shard.npy").write_bytes(content)


def _read(workspace: Workspace, problem: str = NAME) -> bytes:
    return (workspace.data / problem / "shard.npy").read_bytes()


def _commit(workspace: Workspace) -> None:
    _git(workspace.root, "add", "--all")
    _git(workspace.root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "data")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def test_the_data_that_this_clone_names_is_of_todays_simulator_and_settings() -> None:
    """Else a new clone's first run changes data.dvc: run it, and commit that file with the change of the simulator."""
    problem = find_problem(NAME)
    settings = load_settings(HOUSE / "params.yaml", NAME, problem.settings)
    row = read_row(Workspace(root=HOUSE, home=HOUSE / ".assay"), NAME)
    assert row is not None
    assert row.key == dataset_key(problem, settings.simulate)
