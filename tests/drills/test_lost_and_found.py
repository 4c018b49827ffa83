"""What is lost comes back, or is refused in a line: packages, MLflow's records, the ledger; and whose models are."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import IntegrityError
from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from components.lifecycle.evidence_files import fetch_registered
from components.packages import building
from components.packages.files import package_folder, verify_package
from components.packages.golden import make_golden
from components.problems import find_problem
from components.registry.registry import Registry
from models.estimators.estimator import Estimator
from tests.drills.agreement import what_is_wrong
from tests.drills.commands import assay_here, refused
from tests.drills.houses import (
    NAME,
    agrees,
    mlflow_client,
    promote,
    promotion_of,
    register_candidates,
    to_production,
)

pytestmark = [pytest.mark.slow, pytest.mark.ci]


def held(house: Workspace, stage: str = "production") -> Any:
    entry = open_ledger(house).entry_in(NAME, stage)
    assert entry is not None
    return entry


def whole(house: Workspace) -> None:
    """By the reader that is not Assay."""
    stores = [house.home / "bentoml" / "bentos"]
    assert what_is_wrong(f"sqlite:///{house.home / 'assay.db'}", f"sqlite:///{house.home / 'mlflow.db'}", stores) == []


@pytest.mark.house("promoted")
def test_a_stray_file_is_moved_and_not_the_package_and_gc_leaves_what_a_stage_needs(house: Workspace) -> None:
    entry = held(house)
    folder = package_folder(house, entry.package_tag)
    made = (folder / "bento.yaml").stat().st_ino
    (folder / "src" / ".DS_Store").write_text("stray")
    shutil.rmtree(house.dataset(NAME))
    done = assay_here(house, "reconcile", NAME)
    assert done.returncode == 0, done.stderr
    assert "whoever put src/.DS_Store there" in done.stdout
    assert (folder / "bento.yaml").stat().st_ino == made, "the package itself was not touched"
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    assert verify_package(house, entry.package_tag, digest=entry.package_digest)
    whole(house)


@pytest.mark.house("promoted")
def test_what_a_stage_needs_is_not_collected_where_it_was_put_aside(house: Workspace) -> None:
    entry = held(house)
    folder = package_folder(house, entry.package_tag)
    aside = house.home / "discarded" / f"{folder.parent.name}-{folder.name}-0badcafe"
    aside.parent.mkdir()
    folder.rename(aside)
    forget_archives(house, entry.version)
    shutil.rmtree(house.dataset(NAME))
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    assert aside.is_dir()
    assert assay_here(house, "reconcile", NAME).returncode == 0
    assert verify_package(house, entry.package_tag, digest=entry.package_digest)
    agrees(house)
    whole(house)


@pytest.mark.house("promoted")
def test_a_package_that_is_nowhere_any_more_is_built_again_and_judged_by_its_proof(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine whose last bits are others, so that its golden answers and its digest are."""
    entry = held(house)
    lose_for_good(house, monkeypatch)
    done = assay_here(house, "reconcile", NAME)
    assert done.returncode == 0, done.stderr
    now = held(house)
    assert (now.action, now.version) == ("repackaged", entry.version)
    assert now.package_digest != entry.package_digest
    assert now.evidence["answers"] == entry.evidence["answers"]
    assert verify_package(house, now.package_tag, digest=now.package_digest)
    agrees(house)
    whole(house)


def lose_for_good(house: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Production's package is nowhere any more, on a machine whose last bits are others."""
    entry = held(house)
    shutil.rmtree(package_folder(house, entry.package_tag))
    forget_archives(house, entry.version)

    def others_last_bits(estimator: Estimator, *arguments: Any) -> Any:
        golden = make_golden(estimator, *arguments)
        outputs = {**golden.outputs, "likelihood_flux": golden.outputs["likelihood_flux"] * np.float32(1 + 1e-7)}
        return type(golden)(inputs=golden.inputs, outputs=outputs, doubts=golden.doubts)

    monkeypatch.setattr(building, "make_golden", others_last_bits)


def forget_archives(house: Workspace, version: int) -> None:
    """Take a version's packages out of MLflow's files."""
    run = mlflow_client(house).get_run(str(mlflow_client(house).get_model_version(NAME, str(version)).run_id))
    folder = house.home / "mlartifacts" / NAME / run.info.run_id / "artifacts" / "packages"
    assert folder.is_dir()
    shutil.rmtree(folder)


@pytest.mark.house("succeeded")
@pytest.mark.parametrize("lost", ["record", "database"])
def test_a_rollback_needs_the_ledger_and_the_package_and_nothing_else(house: Workspace, lost: str) -> None:
    if lost == "record":
        mlflow_client(house).delete_model_version(NAME, "2")
    else:
        (house.home / "mlflow.db").unlink()
        shutil.rmtree(house.home / "mlartifacts")
    shutil.rmtree(house.dataset(NAME))
    done = assay_here(house, "rollback", NAME, "--reason", "it drifts")
    assert done.returncode == 0, done.stderr
    assert held(house).version == 2
    if lost == "database":
        assert "MLflow does not show it yet" in done.stderr


@pytest.mark.house("succeeded")
def test_a_second_ledger_on_the_same_mlflow_changes_nothing_there_and_is_told_whose_it_is(
    house: Workspace, tmp_path: Path
) -> None:
    before = mlflow_client(house).get_registered_model(NAME)
    other = {"ASSAY_DATABASE_URL": f"sqlite:///{tmp_path / 'other.db'}"}
    for command in (
        ("reconcile", NAME),
        ("promote", NAME, "1", "--to", "staging", "--reason", "a drill"),
        ("gc", NAME),
        ("retrain", NAME, "--check"),
    ):
        refused(assay_here(house, *command, **other), "mirrors ledger", "set ASSAY_DATABASE_URL")
    after = mlflow_client(house).get_registered_model(NAME)
    assert (after.aliases, after.tags) == (before.aliases, before.tags)
    agrees(house)


@pytest.mark.house("promoted")
def test_another_mlflow_than_the_one_before_is_not_taken_silently(house: Workspace, tmp_path: Path) -> None:
    other = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'other.db'}"}
    for command in (("reconcile", NAME), ("promote", NAME, "2", "--to", "staging", "--reason", "a drill")):
        refused(assay_here(house, *command, **other), "knows no such model", "MLFLOW_TRACKING_URI")


@pytest.mark.house("promoted")
def test_an_older_ledger_put_back_is_followed_by_no_command(house: Workspace) -> None:
    backup = house.root / "backup.db"
    shutil.copy(house.home / "assay.db", backup)
    assert promote(house, 2, "staging").returncode == 0
    assert promote(house, 2, "production").returncode == 0
    shutil.copy(backup, house.home / "assay.db")
    image = house.root / "galaxy.npy"
    np.save(image, np.zeros((8, 8)))
    for command in (
        ("serve", NAME),
        ("predict", NAME, str(image), "--set", "sigma=1", "--set", "psf_fwhm=1"),
        ("retrain", NAME, "--check"),
        ("rollback", NAME),
        ("reconcile", NAME),
        ("promote", NAME, "3", "--to", "staging", "--reason", "a drill"),
    ):
        refused(assay_here(house, *command), "entry", "is gone or another", "restore the database")
    # Nor does a registration tell MLflow that the older one is the newest.
    with pytest.raises(IntegrityError, match="is gone or another"):
        promotion_of(house).mirror(only={3})
    with pytest.raises(IntegrityError, match="is gone or another"):
        register_candidates(house, 1)
    refused(assay_here(house, "reconcile", NAME), "is gone or another")


@pytest.mark.house("promoted")
def test_a_rollback_whose_package_was_built_again_is_not_repeated(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people in a hurry go back one version, whatever `reconcile` mends in between."""
    for version in (2, 3):
        to_production(house, version)
    assert assay_here(house, "rollback", NAME, "--reason", "it drifts").returncode == 0
    lose_for_good(house, monkeypatch)
    assert assay_here(house, "reconcile", NAME).returncode == 0
    assert (held(house).version, held(house).action) == (2, "repackaged")
    refused(assay_here(house, "rollback", NAME), "was rolled back to version 2", "say --expect 2 to go back further")
    assert assay_here(house, "rollback", NAME, "--expect", "2", "--reason", "again").returncode == 0
    assert held(house).version == 1


@pytest.mark.house("promoted")
def test_what_was_collected_is_archived_by_nobody(house: Workspace) -> None:
    to_production(house, 2)
    to_production(house, 3)
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    gone = next(version for version, entry in open_ledger(house).current(NAME).items() if entry.action == "gc")
    again = assay_here(house, "archive", NAME, str(gone), "--reason", "again")
    refused(again, "and its files deleted, by gc already")
    agrees(house)


def test_the_evidence_of_a_version_comes_from_mlflow_where_it_is_what_the_ledger_says(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a machine of a cluster fetches what another made."""
    for variable, value in house.environment().items():
        monkeypatch.setenv(variable, value)
    problem, here = find_problem(NAME), house.evaluations(NAME)
    before = {path.parent.name: path.read_bytes() for path in here.glob("*/evidence.json")}
    for version in (1, 2, 3):
        shutil.rmtree(here)
        fetch_registered(house, problem, version)
        ((name, found),) = [(path.parent.name, path.read_bytes()) for path in here.glob("*/evidence.json")]
        assert found == before[name]
    with Registry(house).evaluation(NAME, 1) as kept, Registry(house).evaluation(NAME, 2) as others:
        shutil.rmtree(kept)
        shutil.copytree(others, kept)
    shutil.rmtree(here)
    fetch_registered(house, problem, 1)
    assert not list(here.glob("*/evidence.json")), "whole, and of another version"
