"""The parts of a cluster as real servers on 127.0.0.1: S3 (moto's), MLflow before it, Prefect, and databases for all.

with s3_server(folder) as endpoint, cluster(folder) as variables:
    assay(house, "init", **variables)
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from components.core.processes import free_port, running, wait_until_answers
from components.core.workspace import Workspace
from tests.conftest import git
from tests.databases import new_database

ACCOUNT = {"AWS_ACCESS_KEY_ID": "assay", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "assay"
_START_S = 400
"""A server's imports alone take a minute on a machine whose cores are all training."""


@contextmanager
def s3_server(folder: Path, **more: str) -> Iterator[dict[str, str]]:
    """A store with one bucket; the variables by which it is used."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "s3.log"
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, log=log, environment={**os.environ, **more}) as child:
        wait_until_answers(f"{url}/moto-api/", child, log=log, timeout_s=_START_S)
        made = httpx.put(f"{url}/{BUCKET}", timeout=30, trust_env=False)
        assert made.is_success or more, made.text
        yield ACCOUNT | {"AWS_ENDPOINT_URL": url}


@contextmanager
def mlflow_server(folder: Path, database: str, store: Mapping[str, str], bucket: str = BUCKET) -> Iterator[str]:
    """MLflow's own server on a database, which keeps the files of its clients in a bucket."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "mlflow.log"
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    kept = ["--backend-store-uri", database, "--artifacts-destination", f"s3://{bucket}/mlflow", "--serve-artifacts"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    variables = {**os.environ, **store, **quiet}
    with running([*command, *kept], log=log, cwd=folder, environment=variables) as child:
        wait_until_answers(f"{url}/health", child, log=log, timeout_s=_START_S)
        yield url


@contextmanager
def prefect_api(folder: Path, database: str) -> Iterator[str]:
    """Prefect's own server on a database."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "prefect.log"
    url = f"http://127.0.0.1:{port}/api"
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database.replace("+psycopg2", "+asyncpg"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, log=log, cwd=folder, environment=variables) as child:
        wait_until_answers(f"{url}/health", child, log=log, timeout_s=_START_S)
        yield url


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """All of it, and the variables that name it; each has a database of its own."""
    with (
        new_database("postgresql", folder) as ledger,
        new_database("postgresql", folder) as optuna,
        new_database("postgresql", folder) as of_mlflow,
        new_database("postgresql", folder) as of_prefect,
        s3_server(folder) as store,
        mlflow_server(folder, of_mlflow, store) as tracking,
        prefect_api(folder, of_prefect) as prefect,
    ):
        yield store | {
            "ASSAY_DATABASE_URL": ledger,
            "ASSAY_OPTUNA_URL": optuna,
            "MLFLOW_TRACKING_URI": tracking,
            "PREFECT_API_URL": prefect,
        }


def join_cluster(house: Workspace) -> Workspace:
    """Have a house say `profile: cluster` and keep its data in the bucket, committed."""
    path = house.root / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(params | {"profile": "cluster"}), encoding="utf-8")
    (house.root / ".dvc").mkdir(exist_ok=True)
    (house.root / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    autostage = true\n    check_update = false\n    remote = store\n"
        f"['remote \"store\"']\n    url = s3://{BUCKET}/data\n",
        encoding="utf-8",
    )
    git(house.root, "add", "--all")
    git(house.root, "commit", "--quiet", "--message", "cluster")
    return house


def clone_of(house: Workspace, folder: Path) -> Workspace:
    """A second clone, as from the first one's repository: the code is linked, the state folder is not there yet."""
    subprocess.run(["git", "clone", "--quiet", str(house.root), str(folder)], check=True)
    shutil.rmtree(folder / "data", ignore_errors=True)
    return Workspace(root=folder, home=folder / ".assay")
