"""data.dvc follows the bytes of data/, and brings them back."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.core.errors import AssayError, IntegrityError
from components.core.workspace import Workspace
from components.data.versioning import data_md5, require_dvc, restore, version_data


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root, user = tmp_path / "repository", tmp_path / "user"
    root.mkdir()
    user.mkdir()
    monkeypatch.setenv("HOME", str(user))
    workspace = Workspace(root=root, home=root / ".assay")
    _activate(workspace, monkeypatch)
    _git(root, "init", "--quiet")
    (root / ".gitignore").write_text(".assay/\n")
    _write(workspace, b"first")
    return workspace


def test_same_bytes_have_the_same_version_and_leave_git_clean(workspace: Workspace) -> None:
    first = version_data(workspace)
    _commit(workspace)
    _write(workspace, b"first")
    (workspace.data / ".galaxy-shape.1f3a").mkdir()
    (workspace.data / ".galaxy-shape.1f3a" / "shard.npy").write_bytes(b"half a copy")  # is not part of the version
    again = version_data(workspace)
    assert first.changed
    assert not again.changed
    assert first.md5 == again.md5 == data_md5(workspace)
    assert _git(workspace.root, "status", "--porcelain") == ""


def test_other_bytes_have_another_version_and_the_old_one_is_kept_unharmed(workspace: Workspace) -> None:
    first = version_data(workspace)
    _commit(workspace)
    with (workspace.data / "galaxy-shape" / "shard.npy").open("r+b") as file:  # in place, as a careless tool does
        file.write(b"OTHER")
    second = version_data(workspace)
    assert second.changed
    assert second.md5 != first.md5
    assert "data.dvc" in _git(workspace.root, "diff", "--cached", "--name-only")  # autostage told git
    _git(workspace.root, "checkout", "--quiet", "HEAD", "--", "data.dvc")
    assert restore(workspace)
    assert _read(workspace) == b"first"


def test_nothing_is_written_to_the_users_home(workspace: Workspace, tmp_path: Path) -> None:
    version_data(workspace)
    assert list((tmp_path / "user").iterdir()) == []


def test_a_clone_gets_the_data_from_the_remote(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_dvc(workspace)
    remote = tmp_path / "remote"
    config = workspace.root / ".dvc" / "config"
    config.write_text(config.read_text() + f"    remote = shared\n['remote \"shared\"']\n    url = {remote}\n")
    pushed = version_data(workspace)
    assert pushed.pushed
    _commit(workspace)

    clone = Workspace(root=tmp_path / "clone", home=tmp_path / "clone" / ".assay")
    subprocess.run(["git", "clone", "--quiet", workspace.root, clone.root], check=True)
    _activate(clone, monkeypatch)
    hidden = remote.rename(tmp_path / "hidden")
    assert not restore(clone)
    assert not clone.data.exists()
    hidden.rename(remote)
    assert restore(clone)
    assert _read(clone) == b"first"
    assert version_data(clone).md5 == pushed.md5
    assert _git(clone.root, "status", "--porcelain") == ""


def test_restore_does_not_write_over_data_that_no_version_keeps(workspace: Workspace) -> None:
    version_data(workspace)
    _write(workspace, b"not versioned yet")
    assert not restore(workspace)
    assert _read(workspace) == b"not versioned yet"


def test_without_a_version_there_is_nothing_to_restore(workspace: Workspace) -> None:
    assert data_md5(workspace) is None
    assert not restore(workspace)


def test_a_lock_left_by_a_killed_dvc_does_not_block(workspace: Workspace) -> None:
    version_data(workspace)
    lock = workspace.root / ".dvc" / "tmp" / "rwlock"
    # The number of the killed process belongs to another program by now: to this one.
    left = {"pid": os.getpid(), "cmd": "dvc checkout"}
    lock.write_text(json.dumps({"write": {str(workspace.data): left}, "read": {}}))
    assert restore(workspace)
    lock.write_text('{"write": {"/da')
    assert restore(workspace)


def test_a_killed_add_leaves_nothing_in_the_way(workspace: Workspace) -> None:
    require_dvc(workspace)
    for delay in (0.5, 1.0, 1.5):
        _write(workspace, os.urandom(1 << 22))
        child = subprocess.Popen([sys.executable, "-m", "dvc", "add", "--quiet", "data"], cwd=workspace.root)
        time.sleep(delay)
        child.kill()
        child.wait()
        assert version_data(workspace).md5 == data_md5(workspace)


def test_what_is_wrong_is_said_in_one_line(workspace: Workspace, tmp_path: Path) -> None:
    empty = Workspace(root=tmp_path / "empty", home=tmp_path / "empty" / ".assay")
    with pytest.raises(AssayError, match="no data at"):
        version_data(empty)
    empty.data.mkdir(parents=True)
    with pytest.raises(AssayError, match="git init"):
        version_data(empty)
    (workspace.root / "data.dvc").write_text("<<<<<<< ours\n")
    with pytest.raises(IntegrityError, match="git checkout"):
        data_md5(workspace)
    with pytest.raises(AssayError, match="dvc add data") as caught:
        version_data(workspace)
    assert "\n" not in str(caught.value)


def _activate(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in workspace.environment().items():
        monkeypatch.setenv(name, value)


def _write(workspace: Workspace, content: bytes) -> None:
    folder = workspace.data / "galaxy-shape"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shard.npy").write_bytes(content)


def _read(workspace: Workspace) -> bytes:
    return (workspace.data / "galaxy-shape" / "shard.npy").read_bytes()


def _commit(workspace: Workspace) -> None:
    _git(workspace.root, "add", "--all")
    _git(workspace.root, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "data")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout
