"""A house that was moved, copied, restored from an archive, or whose clone is read-only: all of it goes on working."""

import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.packages.files import package_folder
from tests.conftest import link_code
from tests.drills.commands import assay, assay_here, refused, start
from tests.drills.houses import NAME, agrees, copy_house, promote
from tests.keys import keys

pytestmark = [pytest.mark.house("promoted"), pytest.mark.slow, pytest.mark.ci]


def moved(house: Workspace, root: Path) -> None:
    shutil.move(house.root, root)


def archived(house: Workspace, root: Path) -> None:
    """As from a backup: packed, lost, unpacked elsewhere."""
    archive = root.parent / "house.tar"
    with tarfile.open(archive, "w") as file:
        file.add(house.root, arcname=root.name)
    shutil.rmtree(house.root)
    with tarfile.open(archive) as file:
        file.extractall(root.parent, filter="tar")


@pytest.mark.parametrize(
    ("way", "name"),
    [(archived, "plain"), *((moved, name) for name in ("a space", "où é", "50 %", "why?", "nr#1", "a%2Fb"))],
)
def test_a_house_goes_on_elsewhere_or_says_in_a_line_why_not(
    house: Workspace, tmp_path: Path, way: Callable[[Workspace, Path], None], name: str
) -> None:
    root = tmp_path / "elsewhere" / name
    root.parent.mkdir()
    way(house, root)
    there = Workspace(root=root, home=root / ".assay")
    if set(name) & set("%?#"):
        refused(assay_here(there, "models"), f"the state folder {there.home}", "set ASSAY_HOME")
        home = tmp_path / "home"
        there.home.rename(home)  # as that line says
        done = assay_here(there, "reconcile", "--json", ASSAY_HOME=str(home))
        assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
        return
    agrees(there)
    private, public = keys(tmp_path / "keys")
    assert assay_here(there, "reconcile", ASSAY_SIGNING_KEY=str(private)).returncode == 0
    assert assay_here(there, "verify", NAME, "--key", str(public)).returncode == 0
    assert promote(there, 2, "staging").returncode == 0
    agrees(there)


def test_two_copies_that_work_at_once_never_meet(house: Workspace, tmp_path: Path) -> None:
    copy = copy_house(house, tmp_path / "copy")
    command = ("promote", NAME, "2", "--to", "staging", "--reason", "mine")
    running = [start(house, *command), start(copy, "gc", "--keep", "0")]
    for child in running:
        _, said = child.communicate(timeout=300)
        assert child.returncode == 0, said
    for of in (house, copy):
        agrees(of)
    assert open_ledger(house).holder(NAME, "staging") == 2
    assert open_ledger(copy).holder(NAME, "staging") is None
    assert package_folder(house, str(open_ledger(house).current(NAME)[2].package_tag)).is_dir()


@pytest.fixture
def read_only(house: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The house with its state folder outside, and its clone mounted read-only."""
    home, clone = tmp_path / "state", tmp_path / "clone"
    shutil.move(house.home, home)
    clone.mkdir()
    link_code(house.root)
    mounted = [["mount", "--bind", str(house.root), str(clone)], ["mount", "-o", "remount,ro,bind", str(clone)]]
    if any(subprocess.run(command, capture_output=True, check=False).returncode for command in mounted):
        subprocess.run(["umount", str(clone)], capture_output=True, check=False)
        pytest.skip("this account may not mount a folder read-only")
    yield Workspace(root=clone, home=home)
    subprocess.run(["umount", str(clone)], check=True)


def test_a_read_only_clone_serves_with_its_state_elsewhere(read_only: Workspace) -> None:
    home = {"ASSAY_HOME": str(read_only.home)}
    for command in (
        ["models"],
        ["history", NAME],
        ["reconcile"],
        ["promote", NAME, "2", "--to", "staging", "--reason", "x"],
    ):
        done = assay_here(read_only, *command, **home)
        assert done.returncode == 0, done.stderr
    refused(assay(read_only, "run", NAME, **home), f"the clone {read_only.root} cannot be written", "clone of your own")
