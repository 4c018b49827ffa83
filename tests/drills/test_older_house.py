"""A house of before entries had a format: it opens after `assay init`, its entries keep their digests, and it goes on.

`house_of_format_1.tar.xz` was made by the commit before formats came: ledger, MLflow and packages of three small
networks, version 2 in production, 1 archived behind it, 3 in staging; of the evaluations what is sealed.
"""

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from components.core.workspace import Workspace
from components.fields.dataset import Dataset
from components.ledger.opening import open_ledger
from components.registry.owner import OWNER
from tests.conftest import make_house
from tests.drills.commands import assay_here, refused
from tests.drills.houses import LENIENT, NAME, adopt, mlflow_client, promote

OLD = Path(__file__).with_name("house_of_format_1.tar.xz")


@pytest.fixture
def old(tmp_path: Path, small_dataset: Dataset) -> Workspace:
    house = make_house(tmp_path / "house", LENIENT)
    with tarfile.open(OLD) as archive:
        archive.extractall(house.root, filter="data")
    adopt(house, small_dataset.folder)
    return house


def digests(house: Workspace) -> list[str]:
    with closing(sqlite3.connect(house.home / "assay.db")) as database:
        return [digest for (digest,) in database.execute("SELECT digest FROM ledger ORDER BY id")]


def test_an_older_house_asks_for_init_which_names_what_it_changes_and_keeps_every_digest(old: Workspace) -> None:
    before = digests(old)
    assert len(before) == 9
    for command in (("models",), ("history", NAME), ("rollback", NAME), ("serve", NAME), ("reconcile",)):
        refused(assay_here(old, *command), "is of an older Assay (revision 0001", "keep a copy of it", "`assay init`")
    assert digests(old) == before
    done = assay_here(old, "init")
    assert done.returncode == 0, done.stderr
    assert "has now: formats of entries, the ledger's identity, servers, refusals" in done.stdout
    assert digests(old) == before
    entries = open_ledger(old).history(NAME)  # every digest is checked
    assert [entry.digest for entry in entries] == before
    assert {entry.format for entry in entries} == {1}
    assert mlflow_client(old).get_registered_model(NAME).tags[OWNER] == open_ledger(old).identity
    again = assay_here(old, "init")
    assert (again.returncode, "older Assay" in again.stdout) == (0, False)


@pytest.mark.slow
@pytest.mark.ci
def test_the_copy_that_was_kept_before_init_can_be_put_back_and_brought_up_to_date_once_more(old: Workspace) -> None:
    kept = (old.home / "assay.db").read_bytes()
    assert assay_here(old, "init").returncode == 0
    identity = open_ledger(old).identity
    (old.home / "assay.db").write_bytes(kept)
    done = assay_here(old, "init")
    assert done.returncode == 0, done.stderr
    assert open_ledger(old).identity == identity
    assert assay_here(old, "reconcile").returncode == 0
    # Once something came to the other one, the copy is an older one.
    assert assay_here(old, "rollback", NAME, "--reason", "it drifts").returncode == 0
    (old.home / "assay.db").write_bytes(kept)
    refused(assay_here(old, "init"), "is gone or another")


@pytest.mark.slow
@pytest.mark.ci
def test_an_older_house_goes_on(old: Workspace) -> None:
    assert assay_here(old, "init").returncode == 0
    mended = assay_here(old, "reconcile")  # which keeps its packages in MLflow's files, too
    assert mended.returncode == 0, mended.stderr
    assert assay_here(old, "reconcile", "--json").stdout.strip() == "[]"
    done = assay_here(old, "rollback", NAME, "--reason", "it drifts")
    assert done.returncode == 0, done.stderr
    done = promote(old, 3, "production")
    assert done.returncode == 0, done.stderr
    entries = open_ledger(old).history(NAME)
    assert [(entry.version, entry.action, entry.format) for entry in entries[-2:]] == [
        (3, "promote", 2),
        (1, "replaced", 2),
    ]
    assert assay_here(old, "reconcile", "--json").stdout.strip() == "[]"


def test_a_ledger_of_a_newer_assay_is_refused_in_a_line(old: Workspace) -> None:
    assert assay_here(old, "init").returncode == 0
    with closing(sqlite3.connect(old.home / "assay.db")) as database, database:
        database.execute("UPDATE ledger_schema SET version_num = '0009'")
    for command in (("init",), ("models",)):
        refused(assay_here(old, *command), "was made by a newer Assay (revision 0009", "bring this clone up to date")
