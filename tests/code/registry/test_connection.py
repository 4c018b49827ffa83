"""An MLflow elsewhere: named where it is taken; what fails of it is said in a line, with its address."""

from pathlib import Path

import pytest
import requests

from components.core.errors import AssayError
from components.core.processes import free_port
from components.registry.connection import Connection
from components.registry.registry import Registry
from tests.code.registry.trained import Trained


def test_a_server_that_is_not_there_is_named(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"http://ada:s3cret@127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(AssayError, match=r"does not answer: start that server, or unset MLFLOW_TRACKING_URI") as said:
        Registry(trained.workspace).versions("galaxy-shape")
    assert "s3cret" not in str(said.value)
    assert "127.0.0.1" in str(said.value)


@pytest.mark.parametrize(
    "error", [requests.HTTPError("503 Server Error\nfor url"), PermissionError(13, "Permission denied", "/store")]
)
def test_what_a_store_of_files_raises_is_said_in_a_line(error: Exception) -> None:
    connection = Connection(uri="http://ada:s3cret@mlflow:5000", artifacts="s3://bucket")
    line = "the files of MLflow at http://mlflow:5000 cannot be read or written"
    with pytest.raises(AssayError, match=line) as said, connection.one_line():
        raise error
    assert "\n" not in str(said.value)


def test_an_mlflow_that_a_variable_names_is_not_taken_silently(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Registry(trained.workspace).taken_from == ""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:s3cret@mlflow:5000")
    said = Registry(trained.workspace).taken_from
    assert said == "models are registered with MLflow at http://mlflow:5000, which MLFLOW_TRACKING_URI names"


def test_sqlite_files_may_be_named_relative_to_where_a_command_runs(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained.workspace.home)
    assert Path("mlflow.db").is_file()
    known = Registry(trained.workspace).versions("galaxy-shape")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert Registry(trained.workspace).versions("galaxy-shape") == known
