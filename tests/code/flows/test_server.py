"""A Prefect server is started where its database is safe."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from components.core.errors import AssayError
from components.core.workspace import Workspace
from flows.server import prefect_server


def test_no_server_keeps_its_database_on_a_network_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_URL", "SERVER_DATABASE_CONNECTION_URL", "API_DATABASE_CONNECTION_URL"):
        monkeypatch.delenv(f"PREFECT_{name}", raising=False)
    partitions = [SimpleNamespace(mountpoint=str(tmp_path), fstype="nfs4")]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: partitions)
    workspace = Workspace(root=tmp_path, home=tmp_path / ".assay")
    with pytest.raises(AssayError, match=f"nfs4 at {tmp_path}.* PREFECT_API_URL"), prefect_server(workspace):
        pass
    assert not workspace.home.exists()
