"""The commit that a result came from: that of this very repository, whatever surrounds it."""

import os
import subprocess
from pathlib import Path

import pytest

from components.core.errors import AssayError
from components.core.source import is_committed, read_source
from tests.conftest import commit


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return repository(tmp_path / "clone")


def repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "params.yaml").write_text(f"problems: {{}} # {folder.name}\n")
    commit(folder)
    return folder


def test_a_hooks_variables_do_not_make_it_another_commit(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, other = read_source(clone), repository(tmp_path / "other")
    assert not source.dirty
    assert read_source(other).commit != source.commit
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert read_source(clone) == source
    (clone / "params.yaml").write_text("changed\n")
    assert read_source(clone).dirty


def test_what_dvc_shows_of_the_latest_models_is_no_change_of_the_code(clone: Path) -> None:
    (clone / "results" / "metrics").mkdir(parents=True)
    shown = clone / "results" / "metrics" / "galaxy-shape.json"
    shown.write_text("{}")
    commit(clone)
    shown.write_text('{"accuracy": 1}')
    assert not read_source(clone).dirty


def test_a_repository_above_the_clone_is_not_its_own(clone: Path) -> None:
    (clone / "below").mkdir()
    with pytest.raises(AssayError, match=r"the git repository around .*below is that of .*clone: .*type `git init`"):
        read_source(clone / "below")


def test_no_repository_and_no_commit_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(AssayError, match="no git repository at"):
        read_source(tmp_path)
    (tmp_path / ".git").mkdir()
    for name in ("objects", "refs"):
        (tmp_path / ".git" / name).mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    with pytest.raises(AssayError, match="has no commit"):
        read_source(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files to another account")
def test_gits_own_remedy_is_passed_on(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(clone.parent))  # where no exception is noted
    for name in ("SUDO_UID", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for path in (clone, *clone.rglob("*")):
        os.chown(path, 4242, 4242)
    with pytest.raises(AssayError, match=r"another account: .*`git config --global --add safe\.directory .*clone`"):
        read_source(clone)


def test_a_file_is_committed_when_head_holds_the_very_same(clone: Path) -> None:
    assert is_committed(clone, "params.yaml")
    assert not is_committed(clone, "other.yaml")
    (clone / "other.yaml").touch()
    assert not is_committed(clone, "other.yaml")
    subprocess.run(["git", "update-index", "--assume-unchanged", "params.yaml"], cwd=clone, check=True)
    (clone / "params.yaml").write_text("changed\n")
    assert not is_committed(clone, "params.yaml")
