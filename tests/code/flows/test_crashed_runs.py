"""Flow runs say which problem they are of and which state folder they work in, wherever a server lists them."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.places import place_tag
from components.core.workspace import Workspace
from components.lifecycle import Due
from flows.crashed_runs import run_tags
from flows.job import Job


def workspace_in(folder: Path) -> Workspace:
    return Workspace(root=folder, home=folder / ".assay")


def test_a_state_folder_has_one_tag_and_each_its_own(tmp_path: Path) -> None:
    one, other = workspace_in(tmp_path / "one"), workspace_in(tmp_path / "other")
    assert place_tag(one) == place_tag(one)
    assert place_tag(one) != place_tag(other)
    assert place_tag(one).startswith(f"{socket.gethostname()}-")
    assert run_tags(one, "galaxy-shape") == ("galaxy-shape", place_tag(one))


def test_a_folder_that_is_reached_by_a_link_is_the_same(tmp_path: Path) -> None:
    tag = place_tag(workspace_in(tmp_path / "one"))
    (tmp_path / "link").symlink_to("one")
    assert place_tag(workspace_in(tmp_path / "link")) == tag


def test_a_copy_is_another_place_and_so_is_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = workspace_in(tmp_path / "one")
    tag = place_tag(one)
    shutil.copytree(one.root, tmp_path / "copy")
    assert place_tag(workspace_in(tmp_path / "copy")) != tag
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert place_tag(one) != tag


def test_machines_of_one_name_with_folders_of_one_path_are_two_places(tmp_path: Path) -> None:
    """As containers have them."""
    one = workspace_in(tmp_path / "one")
    tag = place_tag(one)
    shutil.rmtree(one.root)
    assert place_tag(one) != tag


@pytest.fixture
def job(workspace: Workspace) -> Job:
    (workspace.home / "prefect").mkdir(parents=True)  # Prefect warns where its home is not there
    return Job(workspace=workspace, problem_name="galaxy-shape", size="demo", overrides={})


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The tags under which main jobs and retrainings would run; nothing is asked of a server."""
    from prefect.context import TagsContext

    seen: list[set[str]] = []

    def recording(result: Any) -> Callable[..., Any]:
        def flow(*_: Any) -> Any:
            seen.append(TagsContext.get().current_tags)
            return result

        return flow

    monkeypatch.setattr("flows.main_job.mark_crashed", lambda *_: 0)
    monkeypatch.setattr("flows.main_job.main_job", recording({"version": 1}))
    monkeypatch.setattr("flows.retrain.due", lambda *_: Due(reasons=("the simulator changed",)))
    return seen


def test_a_main_job_has_the_tags_of_its_problem_and_its_place(job: Job, seen: list[set[str]]) -> None:
    from flows.main_job import run_main_job

    run_main_job(job)
    assert seen == [{"galaxy-shape", place_tag(job.workspace)}]


def test_so_has_one_that_a_retraining_starts(job: Job, seen: list[set[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.retrain import retrain

    monkeypatch.chdir(job.workspace.root)
    retrain.fn("galaxy-shape")
    assert seen == [{"galaxy-shape", place_tag(job.workspace)}]


def test_a_retraining_has_that_of_its_place_alone(
    job: Job, seen: list[set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not hold the problem's lock while it looks: a run beside it would take it for one that was killed."""
    from prefect.context import TagsContext

    from flows import retrain

    monkeypatch.setattr(retrain, "retrain", lambda *_: seen.append(TagsContext.get().current_tags))
    retrain.run_retrain(job)
    assert seen == [{place_tag(job.workspace)}]


@pytest.mark.parametrize("url", [None, "http://prefect.example.org/api"])
def test_a_schedule_is_its_houses_own_on_a_server_of_many(
    job: Job, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    """Under one name each house would be given the others' runs, and end their schedules with its own."""
    import prefect

    from flows import schedule

    served: list[Any] = []
    monkeypatch.chdir(job.workspace.root)
    monkeypatch.setenv("PREFECT_API_URL", url) if url else monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("flows.server.prefect_server", Serving)
    monkeypatch.setattr(prefect, "serve", lambda *deployments, **_: served.extend(deployments))
    schedule.serve_schedules("demo")
    tag = place_tag(job.workspace)
    (mine,) = [one for one in served if one.parameters["problem"] == "galaxy-shape"]
    assert mine.name == (f"galaxy-shape-{tag}" if url else "galaxy-shape")
    assert mine.tags == [tag]


class Serving:
    """In the place of a server."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def __enter__(self) -> str:
        return "http://127.0.0.1:4200/api"

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""
