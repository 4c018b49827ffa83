"""`assay ui`: every dashboard answers, none takes another's port, and none outlives the command."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from components.core.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.ci]

SHOW = """
import sys
from pathlib import Path
from components.core.workspace import Workspace
from flows.ui import DashboardPorts, run_dashboards
workspace = Workspace(root=Path(sys.argv[1]), home=Path(sys.argv[1]) / ".assay")
workspace.activate()
mlflow, prefect, optuna, data_docs = map(int, sys.argv[2:])
ports = DashboardPorts(mlflow=mlflow, prefect=prefect, optuna=optuna, data_docs=data_docs)
run_dashboards(workspace, ports=ports, as_json=True)
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "user").mkdir()
    (tmp_path / ".assay").mkdir()
    return tmp_path


LEFT_OVER = {"GITHUB_TOKEN": "s3cret", "ASSAY_NOTIFY_SECRET": "s3cret"}
"""What somebody's shell has, and no page needs."""


def show(root: Path, ports: list[int]) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    return subprocess.Popen(
        [sys.executable, "-c", SHOW, str(root), *map(str, ports)],
        cwd=Path(__file__).parents[2],
        env=environment
        | LEFT_OVER
        | Workspace(root=root, home=root / ".assay").environment()
        | {"HOME": str(root / "user")},
        stdout=subprocess.PIPE,
        text=True,
    )


def read_document(command: "subprocess.Popen[str]") -> dict[str, str]:
    assert command.stdout is not None
    lines = []
    for line in command.stdout:
        lines.append(line)
        if line.rstrip() == "}":
            break
    return dict(json.loads("".join(lines)))


def test_all_answer_and_all_end(root: Path, taken: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):  # the second time on databases that are there already
        command = show(root, [taken] * 4)
        try:
            urls = read_document(command)
            children = psutil.Process(command.pid).children(recursive=True)
            assert set(urls) == {"mlflow", "prefect", "optuna", "data_docs"}
            assert len(set(urls.values())) == 4
            servers = [child.environ() for child in psutil.Process(command.pid).children()]
            assert len(servers) == 4
            assert not [told for told in servers if set(told) & set(LEFT_OVER)]
            for name, url in urls.items():
                assert f":{taken}" not in url
                assert httpx.get(url, trust_env=False).status_code == 200, name
        finally:
            command.send_signal(number)
        status = command.wait(40)
        assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=0 if number == signal.SIGTERM else 20)
        assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
        assert command.stdout is not None
        assert command.stdout.read() == ""
        command.stdout.close()
    assert list((root / "user").iterdir()) == []
