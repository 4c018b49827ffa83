"""MLflow's file says the same by its tables and by its client, which is asked wherever the tables may be others."""

import sqlite3
from contextlib import closing

import pytest

from components.core.databases import sqlite_url
from components.registry.connection import Connection
from components.registry.reading import ByClient, Reading
from components.registry.registry import Registry
from components.registry.sqlite import REVISION, SqliteTables
from tests.code.registry.trained import Trained


def connection_of(trained: Trained) -> Connection:
    return Connection(uri=sqlite_url(trained.workspace.home / "mlflow.db"), artifacts="assay-home:")


def all_that_is_read(mlflow: Reading, weights: str) -> list[object]:
    (first, _), run = mlflow.versions("galaxy-shape"), mlflow.versions("galaxy-shape", number=1)[0].run_id
    return [
        mlflow.model("galaxy-shape"),
        mlflow.model("nothing"),
        mlflow.names_tagged("problem", "galaxy-shape"),
        mlflow.versions("galaxy-shape"),
        mlflow.versions("galaxy-shape", number=2),
        mlflow.versions("galaxy-shape", number=3),
        mlflow.versions("galaxy-shape", weights=weights),
        mlflow.versions("nothing"),
        mlflow.model_files("galaxy-shape", 1),
        sorted(mlflow.metrics(run).items()),
        mlflow.artifacts(run),
        first.metrics,
    ]


def test_both_ways_read_the_same(trained: Trained) -> None:
    assert trained.register() == 1
    assert Trained(trained.workspace.root, seed=1).register() == 2
    connection = connection_of(trained)
    client = connection.client()
    client.set_registered_model_alias("galaxy-shape", "production", "2")
    client.update_model_version("galaxy-shape", "1", "the first")
    run = client.get_model_version("galaxy-shape", "1").run_id
    for name, value in (("nothing", float("nan")), ("endless", float("inf"))):
        client.log_metric(str(run), name, value)
    with connection.reading() as tables:
        assert isinstance(tables, SqliteTables)
        found = all_that_is_read(tables, trained.weights)
    assert repr(found) == repr(all_that_is_read(ByClient(client), trained.weights))  # nan is not nan
    client.delete_model_version("galaxy-shape", "2")
    with connection.reading() as tables:
        assert tables.versions("galaxy-shape") == ByClient(client).versions("galaxy-shape")


def test_the_installed_mlflow_makes_the_tables_that_are_known(trained: Trained) -> None:
    """A new MLflow would be read by its client: right, and two seconds later."""
    Registry(trained.workspace).create()
    with closing(sqlite3.connect(trained.workspace.home / "mlflow.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]


@pytest.mark.parametrize("what", ["another revision", "held by a program"])
def test_the_client_is_asked_where_the_tables_cannot_be_read(trained: Trained, what: str) -> None:
    trained.register()
    path = trained.workspace.home / "mlflow.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        if what == "held by a program":
            database.execute("BEGIN EXCLUSIVE")
        else:
            database.execute("UPDATE alembic_version SET version_num = 'f00d'")
        with connection_of(trained).reading() as mlflow:
            assert isinstance(mlflow, ByClient)
