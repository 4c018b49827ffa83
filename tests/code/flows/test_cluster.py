"""`assay init` under `profile: cluster`: a line for each address that cannot be used, and why."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("moto", reason="moto, the S3 server of tests, is not installed: `make setup`")

from components.core.errors import AssayError
from components.core.processes import free_port, running, wait_until_answers
from components.core.workspace import Workspace
from components.data.remote import check_remote
from components.registry.connection import Connection
from tests.cluster import BUCKET, join_cluster, s3_server
from tests.conftest import make_house
from tests.databases import POSTGRESQL, new_database
from tests.drills.commands import assay_here, refused

NOWHERE = {
    "ASSAY_DATABASE_URL": "postgresql+psycopg2://ada:s3cret@127.0.0.1:9/ledger",
    "ASSAY_OPTUNA_URL": "postgresql+psycopg2://ada:s3cret@127.0.0.1:9/optuna",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "PREFECT_API_URL": "http://127.0.0.1:9/api",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "assay",
    "AWS_SECRET_ACCESS_KEY": "s3cret",
}

needs_postgresql = pytest.mark.skipif(POSTGRESQL is None, reason="no PostgreSQL: run it by tests/postgresql.sh")


@pytest.fixture
def house(tmp_path: Path) -> Workspace:
    return join_cluster(make_house(tmp_path / "house"))


@pytest.fixture
def reached(tmp_path: Path) -> Iterator[dict[str, str]]:
    """All but Prefect and a tracking server: databases, and a bucket."""
    with (
        new_database("postgresql", tmp_path) as url,
        new_database("postgresql", tmp_path) as optuna,
        s3_server(tmp_path / "s3") as store,
    ):
        databases = {"ASSAY_DATABASE_URL": url, "ASSAY_OPTUNA_URL": optuna, "MLFLOW_TRACKING_URI": url}
        yield store | databases | {"ASSAY_ARTIFACT_ROOT": f"s3://{BUCKET}/mlflow"}


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """What says of a Prefect server that it is well, and is none: it would take longer to start than all tests here."""
    (folder / "api").mkdir()
    (folder / "api" / "health").write_text("true")
    port, log = free_port(), folder / "healthy.log"
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    with running(command, log=log) as child:
        wait_until_answers(f"http://127.0.0.1:{port}/api/health", child, log=log)
        yield f"http://127.0.0.1:{port}/api"


def test_each_that_cannot_be_reached_has_a_line_that_says_why(house: Workspace) -> None:
    done = assay_here(house, "init", **NOWHERE)
    assert done.returncode == 1
    lines = [line.removeprefix("assay: ") for line in done.stderr.splitlines()]
    assert [line.partition(":")[0] for line in lines] == [
        "ASSAY_OPTUNA_URL", "MLFLOW_TRACKING_URI", ".dvc/config", "PREFECT_API_URL", "ASSAY_DATABASE_URL",
    ]  # fmt: skip
    assert "Connection refused" in lines[0]
    assert "does not answer" in lines[1]
    assert f"s3://{BUCKET}/data cannot be asked" in lines[2]
    assert "no Prefect server answers" in lines[3]
    refused(done, "ASSAY_DATABASE_URL: PostgreSQL at postgresql+psycopg2://127.0.0.1:9/ledger", "(4 more above)")
    assert "s3cret" not in done.stderr + done.stdout


def test_a_missing_address_is_named_before_anything_is_asked(house: Workspace) -> None:
    refused(assay_here(house, "models"), "profile: cluster", "ASSAY_DATABASE_URL", "PREFECT_API_URL", "docs/cluster.md")


@needs_postgresql
def test_a_bucket_that_is_not_there_or_takes_another_account(
    house: Workspace, reached: dict[str, str], tmp_path: Path
) -> None:
    missing = reached | {"ASSAY_ARTIFACT_ROOT": "s3://nowhere/mlflow", "PREFECT_API_URL": NOWHERE["PREFECT_API_URL"]}
    done = assay_here(house, "init", **missing)
    assert "MLflow's files: s3://nowhere/mlflow cannot be used (there is no such bucket)" in done.stderr
    refused(done, "PREFECT_API_URL: no Prefect server answers", "(1 more above)")
    with s3_server(tmp_path / "strict", INITIAL_NO_AUTH_ACTION_COUNT="0") as strict:
        done = assay_here(house, "init", **missing | strict)
        assert f"s3://{BUCKET}/data cannot be used (there is no such account)" in done.stderr


def test_a_clone_without_a_remote_for_data_is_told_how_to_get_one(house: Workspace) -> None:
    (house.root / ".dvc" / "config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    with pytest.raises(AssayError, match="dvc remote add --default"):
        check_remote(house)


@needs_postgresql
@pytest.mark.slow
def test_a_database_of_another_assay_is_refused(house: Workspace, reached: dict[str, str], tmp_path: Path) -> None:
    """Its MLflow mirrors the ledger of that one."""
    from mlflow import MlflowClient

    Connection(uri=reached["MLFLOW_TRACKING_URI"], artifacts=reached["ASSAY_ARTIFACT_ROOT"]).create()
    client = MlflowClient(reached["MLFLOW_TRACKING_URI"], reached["MLFLOW_TRACKING_URI"])
    client.create_registered_model("galaxy-shape", tags={"ledger.id": "0123456789abcdef"})
    with healthy(tmp_path) as api:
        done = assay_here(house, "init", **reached, PREFECT_API_URL=api)
    refused(done, "the registered model galaxy-shape", "mirrors ledger 0123456789ab", "ASSAY_DATABASE_URL")
