"""`assay schedule` as a user leaves it running: a deployment whose runs end in seconds when nothing has changed."""

import json
import os
import signal
import time
from collections.abc import Iterator
from unittest import mock

import pytest

from components.core.workspace import Workspace
from tests.conftest import make_house
from tests.drills.commands import assay, start


@pytest.fixture
def schedule(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A house with a model in production whose schedules are served; yields it and the API's URL."""
    house = make_house(tmp_path_factory.mktemp("scheduled") / "house")
    assert assay(house, "run", "galaxy-shape").returncode == 0
    served = start(house, "schedule")
    assert served.stderr is not None
    try:
        for line in served.stderr:
            if "Ctrl-C ends it" in line:
                break
        server = json.loads((house.home / "prefect" / "server.json").read_text(encoding="utf-8"))
        yield house, server["url"]
    finally:
        served.send_signal(signal.SIGINT)
        served.communicate(timeout=60)


@pytest.mark.slow
def test_a_scheduled_run_of_unchanged_inputs_runs_no_main_job(schedule: tuple[Workspace, str]) -> None:
    house, url = schedule
    with mock.patch.dict(os.environ, {**house.environment(), "PREFECT_API_URL": url}):
        from prefect.client.orchestration import get_client
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()
        with get_client(sync_client=True) as client:
            deadline = time.monotonic() + 60
            deployment = None
            while deployment is None and time.monotonic() < deadline:
                found = [one for one in client.read_deployments() if one.name == "galaxy-shape"]
                deployment = found[0] if found else None
                time.sleep(0.5)
            assert deployment is not None
            assert [getattr(one.schedule, "cron", None) for one in deployment.schedules] == ["0 3 * * *"]
            run = client.create_flow_run_from_deployment(deployment.id)
            while run.state is not None and not run.state.is_final() and time.monotonic() < deadline + 120:
                time.sleep(1)
                run = client.read_flow_run(run.id)
            assert run.state is not None
            assert run.state.is_completed(), run.state
            names = {one.name for one in client.read_flow_runs() if one.parent_task_run_id is not None}
    assert len(names) == 0
    assert len(json.loads(assay(house, "history", "galaxy-shape", "--json").stdout)) == 3
