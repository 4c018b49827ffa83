"""What others do to a house: lock, upgrade, rename, delete, unmount. One line with cause, value and next step."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from components.core.workspace import Workspace
from components.ledger.opening import open_ledger
from tests.drills.commands import ASSAY, assay, assay_here, environment, refused
from tests.drills.houses import NAME, agrees, mlflow_client, promote

pytestmark = [pytest.mark.slow, pytest.mark.ci]

PROMOTE = ["promote", NAME, "2", "--to", "staging", "--reason", "a reason"]
COMMANDS = (["models"], ["init"], ["reconcile"], ["history", NAME], PROMOTE)


def brought_back(house: Workspace) -> list[str]:
    """What reconcile says that it mended."""
    done = assay_here(house, "reconcile", "--json")
    assert done.returncode == 0, done.stderr
    return [finding["what"] for finding in json.loads(done.stdout) if finding["repaired"]]


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount == 1
        connection.commit()


@pytest.mark.parametrize("database", ["mlflow.db", "prefect/prefect.db"])
def test_a_database_that_another_program_holds_is_named_with_that_program(house: Workspace, database: str) -> None:
    path = house.home / database
    path.parent.mkdir(exist_ok=True)
    holder = f"import sqlite3, sys; c = sqlite3.connect({str(path)!r}, isolation_level=None); "
    holder += (
        "c.execute('CREATE TABLE IF NOT EXISTS x (y)'); c.execute('BEGIN EXCLUSIVE'); print(1, flush=True); input()"
    )
    with subprocess.Popen([ASSAY[0], "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        # A command of its own for the whole time that it waits.
        refused(assay(house, "models"), f"the database {path} is locked", f"process {other.pid}", "let it finish")
        other.communicate("\n")
    assert assay_here(house, "models").returncode == 0


@pytest.mark.parametrize("database", ["assay.db", "mlflow.db"])
def test_a_file_that_is_no_database_is_named(house: Workspace, database: str) -> None:
    path = house.home / database
    path.write_bytes(b"\0" * 8192)
    for command in COMMANDS:
        refused(assay_here(house, *command), f"the database {path} is damaged", "backup")
    assert path.read_bytes() == b"\0" * 8192


def test_mlflows_database_of_a_newer_version_is_no_house_that_is_ready(house: Workspace) -> None:
    change(house.home / "mlflow.db", "UPDATE alembic_version SET version_num = 'ffff00001111'")
    for command in (["init"], ["models"], ["reconcile"]):
        refused(assay_here(house, *command), "mlflow.db was made by another version of MLflow", "`make setup`")


def test_optunas_database_of_a_newer_version_is_no_house_that_is_ready(house: Workspace) -> None:
    assert assay_here(house, "init").returncode == 0
    newer = "UPDATE alembic_version SET version_num = 'v9.9.9.a'"
    change(house.home / "optuna.db", newer, "UPDATE version_info SET schema_version = 99")
    refused(assay_here(house, "init"), "made by another version of its library", "`make setup`")


@pytest.mark.house("promoted")
def test_a_deleted_experiment_is_refused_before_any_work_and_brought_back(house: Workspace) -> None:
    client = mlflow_client(house)
    client.delete_experiment(client.get_experiment_by_name(NAME).experiment_id)
    refused(assay(house, "run", NAME), f"the experiment {NAME} was deleted in MLflow", f"`assay reconcile {NAME}`")
    assert brought_back(house) == [f"the experiment {NAME} was deleted in MLflow"]
    agrees(house)


@pytest.mark.house("promoted")
def test_a_deleted_run_of_a_version_is_brought_back(house: Workspace) -> None:
    client = mlflow_client(house)
    (version,) = client.search_model_versions(f"name = '{NAME}' AND version_number = 1")
    client.delete_run(version.run_id)
    assert brought_back(house) == ["the run of version 1 was deleted in MLflow"]
    agrees(house)
    assert client.get_run(version.run_id).info.lifecycle_stage == "active"


def test_runs_that_a_killed_registration_left_stay_deleted(house: Workspace) -> None:
    client = mlflow_client(house)
    run = client.create_run(client.get_experiment_by_name(NAME).experiment_id)
    client.delete_run(run.info.run_id)
    agrees(house)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"


def test_a_renamed_model_is_told_from_a_lost_database(house: Workspace) -> None:
    client = mlflow_client(house)
    client.rename_registered_model(NAME, "galaxies")
    for command in (["models", NAME], ["reconcile"], ["gc"], PROMOTE):
        refused(assay_here(house, *command), f"{NAME} was renamed to galaxies in MLflow", "rename_registered_model")
    refused(assay(house, "run", NAME), f"{NAME} was renamed to galaxies in MLflow")
    assert [model.name for model in client.search_registered_models()] == ["galaxies"]
    client.rename_registered_model("galaxies", NAME)
    agrees(house)
    assert promote(house, 2, "staging").returncode == 0


def test_a_renamed_experiment_is_refused(house: Workspace) -> None:
    client = mlflow_client(house)
    client.rename_experiment(client.get_experiment_by_name(NAME).experiment_id, "shapes")
    refused(assay(house, "run", NAME), f"the experiment {NAME} was renamed to shapes", "rename_experiment")
    assert [one.name for one in client.search_experiments() if one.name != "Default"] == ["shapes"]


def test_an_unmounted_cache_is_not_taken_for_no_data(house: Workspace, tmp_path: Path) -> None:
    (house.root / ".dvc").mkdir(exist_ok=True)
    (house.root / ".dvc" / "config").write_text(f"[cache]\n    dir = {tmp_path / 'mnt' / 'cache'}\n")
    for command in (["validate", NAME], ["simulate", NAME], ["train", NAME]):
        refused(assay_here(house, *command), f"DVC's cache {tmp_path / 'mnt' / 'cache'}", "mount it")
    assert not (tmp_path / "mnt").exists(), "nothing was written where a disk belongs"
    (tmp_path / "mnt" / "cache").mkdir(parents=True)
    assert assay_here(house, "validate", NAME).returncode == 0


@pytest.mark.house("promoted")
def test_what_python_is_told_for_other_programs_ends_no_command(house: Workspace) -> None:
    for variables in ({"PYTHONWARNINGS": "error"}, {"PYTHONOPTIMIZE": "2"}):
        done = assay(house, "history", NAME, **variables)
        assert done.returncode == 0, (variables, done.stderr)
    assert assay(house, *PROMOTE, PYTHONWARNINGS="error").returncode == 0


@pytest.mark.house("promoted")
def test_output_does_not_fail_for_its_encoding(house: Workspace) -> None:
    """All work is done by the time that something is shown."""
    settings = environment(house, PYTHONIOENCODING="ascii")
    reason = "größer × 2 ± 1 … ✓"
    for command in (
        [*ASSAY, "promote", NAME, "2", "--to", "staging", "--reason", reason],
        [*ASSAY, "models"],
        [*ASSAY, "history", NAME],
    ):
        done = subprocess.run(command, cwd=house.root, env=settings, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    assert b"gr\\xf6\\xdfer x 2 +- 1 ... ok" in done.stdout
    entry = open_ledger(house).entry_in(NAME, "staging")
    assert entry is not None
    assert entry.reason == reason
