"""Whose code runs: the workspace's own, all packages of it, or nothing; and a commit that holds it all."""

import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from components.core.errors import AssayError
from components.core.house import HOUSE, PACKAGES, check_own_code
from components.core.source import read_source
from tests.conftest import commit, make_house, make_house_with_code
from tests.drills.commands import assay, assay_here, environment, refused


def test_another_clones_code_is_refused_with_both_paths_before_any_work(tmp_path: Path) -> None:
    """As in a second worktree, with the first one's environment active."""
    other = make_house_with_code(tmp_path / "other")
    for command in (["run", "galaxy-shape"], ["models"], ["init"]):
        done = assay_here(other, *command)
        refused(done, f"that of {HOUSE}", f"in {other.root}", "`make setup`")
    assert not other.home.exists()


def test_a_folder_without_code_is_refused(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house")
    for name in PACKAGES:
        (house.root / name).unlink()
    refused(assay_here(house, "models"), "no code of Assay", str(HOUSE), str(house.root))


def test_one_package_of_another_clone_is_refused(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house")
    check_own_code(house.root)
    (house.root / "models").unlink()
    (house.root / "models").mkdir()
    with pytest.raises(AssayError, match="the code that runs is that of"):
        check_own_code(house.root)


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "assay"])  # which looks for the others
def test_packages_of_the_same_names_elsewhere_do_not_run_in_ours_stead(tmp_path: Path, name: str) -> None:
    house, others = make_house(tmp_path / "house"), tmp_path / "others" / name
    others.mkdir(parents=True)
    (others / "__init__.py").write_text("raise SystemExit('not ours')\n")
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from assay.__main__ import main; main()"
    command = [sys.executable, "-P", "-c", script, str(others.parent), "models"]
    paths = environment(house, PYTHONPATH=str(HOUSE))
    done = subprocess.run(command, cwd=house.root, env=paths, capture_output=True, text=True, check=False)
    refused(done, f"Python takes `{name}` from {others}", str(HOUSE / name), "PYTHONPATH")


def test_a_variable_that_takes_docstrings_away_takes_no_help_away(tmp_path: Path) -> None:
    done = assay(make_house(tmp_path / "house"), "models", "--help", PYTHONOPTIMIZE="2")
    assert done.returncode == 0
    assert "List versions with their stages" in done.stdout


def test_code_that_the_commit_does_not_hold_is_no_clean_state(tmp_path: Path) -> None:
    root = make_house_with_code(tmp_path / "house").root
    assert not read_source(root).dirty
    mine = root / "components" / "problems" / "mine.py"
    for ignored in ("", "mine.py\n"):
        mine.write_text("x = 1\n")
        (root / ".git" / "info" / "exclude").write_text(ignored)
        assert read_source(root).dirty
        mine.unlink()
        assert not read_source(root).dirty
    (root / "components" / "core" / "__pycache__").mkdir()
    (root / "components" / "core" / "__pycache__" / "errors.pyc").touch()
    assert not read_source(root).dirty
    nested = root / "components" / "nested"
    nested.mkdir()
    for name in (*(f"mine{suffix}" for suffix in EXTENSION_SUFFIXES), "mine.pyc", "__init__.py"):
        (nested / name).touch()
        if name == "__init__.py":  # git does not look into the repository of somebody else
            subprocess.run(["git", "init", "--quiet"], cwd=nested, check=True)
        assert read_source(root).dirty
        (nested / name).unlink()
    shutil.rmtree(nested)
    for told in ("--assume-unchanged", "--skip-worktree"):
        for name in ("params.yaml", "flows/cli.py"):
            git = ["git", "update-index"]
            subprocess.run([*git, told, name], cwd=root, check=True)
            assert read_source(root).dirty
            subprocess.run([*git, told.replace("--", "--no-"), name], cwd=root, check=True)
    assert not read_source(root).dirty
    index = (root / ".git" / "index").read_bytes()
    (root / ".git" / "index").write_bytes(b"no index")
    with pytest.raises(AssayError, match="git cannot say what has changed"):
        read_source(root)
    (root / ".git" / "index").write_bytes(index)
    (root / "models").rename(tmp_path / "models")
    (root / "models").symlink_to(tmp_path / "models")
    commit(root)
    assert read_source(root).dirty, "the commit holds a link alone"
