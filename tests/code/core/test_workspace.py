"""Where a workspace and its state folder are found, which state folders are refused, and what children are told."""

import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.core.errors import AssayError
from components.core.house import HOUSE, PACKAGES
from components.core.mounts import NETWORK, network_mount
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


VARIABLES = ("ASSAY_DATABASE_URL", "MLFLOW_TRACKING_URI", "ASSAY_OPTUNA_URL")


@pytest.fixture
def mounted(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Workspace]:
    """The clone's workspace, its state folder below a mount of a type; no variable names a database."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def mount(kind: str, *others: tuple[Path, str], at: Path = clone) -> Workspace:
        found = [(Path("/"), "ext4"), (at, kind), *others]
        partitions = [SimpleNamespace(mountpoint=str(path), fstype=kind) for path, kind in found]
        monkeypatch.setattr("psutil.disk_partitions", lambda all: partitions)
        return Workspace(root=clone, home=clone / "on a mount" / "home")

    return mount


KINDS = sorted({*NETWORK, "fuse.sshfs", "fuse.glusterfs"})


@pytest.mark.parametrize("kind", KINDS)
def test_databases_are_not_put_on_a_network_mount(mounted: Callable[..., Workspace], kind: str) -> None:
    workspace = mounted(kind)
    with pytest.raises(AssayError) as refused:
        workspace.prepare()
    said = str(refused.value)
    for named in (str(workspace.home), f"{kind} at {workspace.root}", "set ASSAY_HOME", *VARIABLES, "PostgreSQL"):
        assert named in said
    assert "\n" not in said
    assert not workspace.home.exists()


@pytest.mark.parametrize("kind", ["ext4", "xfs", "9p", "overlay", "virtiofs", "tmpfs", "btrfs", "zfs", "fuse.mergerfs"])
def test_they_are_put_on_every_other(mounted: Callable[..., Workspace], kind: str) -> None:
    mounted(kind).prepare()


def test_this_machines_own_disk_is_taken(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    Workspace.find(clone).prepare()


def test_only_those_that_would_lie_there_count(
    mounted: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspace = mounted("nfs4")
    server = "postgresql+psycopg2://assay@db.example.org/assay"
    for name in VARIABLES:
        with pytest.raises(AssayError, match=name):
            workspace.prepare()
        monkeypatch.setenv(name, server)
    workspace.prepare()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    workspace.prepare()
    monkeypatch.setenv("ASSAY_DATABASE_URL", f"sqlite:///{tmp_path / 'local.db'}")
    workspace.prepare()
    monkeypatch.setenv("ASSAY_DATABASE_URL", "sqlite://")
    workspace.prepare()
    for url in (f"sqlite:///{workspace.root / 'x.db'}", f"sqlite+pysqlite:///{workspace.root / 'x.db'}?timeout=9"):
        monkeypatch.setenv("ASSAY_DATABASE_URL", url)
        with pytest.raises(AssayError, match="ASSAY_DATABASE_URL") as refused:
            workspace.prepare()
        assert "MLFLOW_TRACKING_URI" not in str(refused.value)


def test_the_mount_that_is_nearest_counts_and_of_two_at_one_place_the_later(
    mounted: Callable[..., Workspace], clone: Path
) -> None:
    mounted("nfs", (clone / "on a mount", "ext4")).prepare()
    mounted("nfs", (clone / "on a mou", "nfs"), (clone, "ext4")).prepare()
    with pytest.raises(AssayError, match="nfs4 at"):
        mounted("autofs", (clone, "nfs4")).prepare()


def test_a_link_to_a_network_mount_is_one(mounted: Callable[..., Workspace], clone: Path, tmp_path: Path) -> None:
    workspace = mounted("cifs")
    (tmp_path / "link").symlink_to(clone)
    with pytest.raises(AssayError, match="cifs at"):
        Workspace(root=workspace.root, home=tmp_path / "link" / "home").prepare()


def test_looking_for_the_mount_costs_no_command_anything(
    mounted: Callable[..., Workspace], clone: Path, tmp_path: Path
) -> None:
    assert network_mount(tmp_path) is None  # what this machine has
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        network_mount(tmp_path)
        seconds.append(time.perf_counter() - start)
    mounted("nfs", *((Path(f"/mnt/{number}"), "nfs") for number in range(1000)))
    for _ in range(5):
        start = time.perf_counter()
        network_mount(clone)
        seconds.append(time.perf_counter() - start)
    assert min(seconds[:5]) + min(seconds[5:]) < 0.005
