"""Where a workspace and its state folder are found, which state folders are refused, and what children are told."""

import os
import urllib.request
from pathlib import Path

import pytest

from components.core.errors import AssayError
from components.core.house import HOUSE, PACKAGES
from components.core.workspace import Workspace


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ASSAY_HOME", raising=False)
    (tmp_path / "clone" / "data").mkdir(parents=True)
    (tmp_path / "clone" / "params.yaml").write_text("problems: {}\n")
    for name in PACKAGES:
        (tmp_path / "clone" / name).symlink_to(HOUSE / name)
    return tmp_path / "clone"


def test_it_is_found_from_a_folder_below(clone: Path) -> None:
    assert Workspace.find(clone / "data") == Workspace(root=clone, home=clone / ".assay")
    with pytest.raises(AssayError, match=r"no params\.yaml in .* or above it"):
        Workspace.find(clone.parent)


def test_a_relative_home_is_one_of_the_clone(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", "état of mind")
    assert Workspace.find(clone / "data").home == clone / "état of mind"


@pytest.mark.parametrize("name", ["a%2Fb", "a?b=c", "a#b", "100%"])
def test_a_home_that_no_database_could_be_asked_for_is_refused(
    clone: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A URL cuts such a path, or means another: a database would be made outside of it."""
    monkeypatch.setenv("ASSAY_HOME", str(clone / name))
    with pytest.raises(AssayError, match="which addresses of databases take for another thing: set ASSAY_HOME"):
        Workspace.find(clone)
    monkeypatch.delenv("ASSAY_HOME")
    other = clone.parent / name
    clone.rename(other)
    with pytest.raises(AssayError, match="set ASSAY_HOME"):
        Workspace.find(other)
    monkeypatch.setenv("ASSAY_HOME", str(clone.parent / "home"))
    assert Workspace.find(other).home == clone.parent / "home"


def test_nobody_else_reads_a_state_folder(clone: Path) -> None:
    workspace = Workspace.find(clone)
    workspace.prepare()
    assert workspace.home.stat().st_mode & 0o777 == 0o700
    (clone / "made by hand").mkdir(mode=0o755)
    Workspace(root=clone, home=clone / "made by hand").prepare()
    assert (clone / "made by hand").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("before", [None, "example.org"])
def test_a_proxy_does_not_stand_before_this_machine(
    clone: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, before) if before else monkeypatch.delenv(name, raising=False)
    for name in Workspace.find(clone).environment():
        monkeypatch.delenv(name, raising=False)  # set and taken away, so that all of it is undone
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    Workspace.find(clone).activate()
    assert urllib.request.proxy_bypass("127.0.0.1")
    assert urllib.request.proxy_bypass("localhost:4200")
    assert bool(urllib.request.proxy_bypass("example.org")) == (before is not None)
    assert not urllib.request.proxy_bypass("example.com")
