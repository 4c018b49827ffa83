"""An MLflow elsewhere that is not there is said so in a line, with its address and the next step, and soon."""

import pytest

from components.core.errors import AssayError
from components.core.processes import free_port
from components.registry.registry import Registry
from tests.code.registry.trained import Trained


def test_a_server_that_is_not_there_is_named(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"http://ada:s3cret@127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(AssayError, match=r"does not answer: start that server, or unset MLFLOW_TRACKING_URI") as said:
        Registry(trained.workspace).versions("galaxy-shape")
    assert "s3cret" not in str(said.value)
    assert "127.0.0.1" in str(said.value)
