"""`profile: cluster` against real parts: PostgreSQL, S3, MLflow's server before it, and a Prefect server.

Two clones run the main job of two problems at once and are lost; a third that never had a state folder goes on from
what is in databases and the bucket.
"""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.core.processes import free_port, running, wait_until_answers
from components.core.workspace import Workspace
from tests.conftest import HOUSE, commit, make_house_with_code, write_params
from tests.databases import POSTGRESQL
from tests.drills.agreement import what_is_wrong
from tests.drills.commands import environment, refused, start
from tests.drills.houses import LENIENT, NAME
from tests.drills.test_readme import user

pytest.importorskip("moto", reason="moto, the S3 server of tests, is not installed: `make setup`")

from tests.cluster import clone_of, cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(5400),
    pytest.mark.skipif(POSTGRESQL is None, reason="no PostgreSQL: run it by tests/postgresql.sh"),
]

GUIDE = (HOUSE / "docs" / "cluster.md").read_text(encoding="utf-8")
FIRST, NEXT, POOLS = "The first machine", "The next machine", "Runs by Prefect's work pools"
NOT_RUN = {
    "pip install": "everything is installed",
    "export ": "`tests/cluster.py` sets them",
    "mlflow server": "`tests/cluster.py` starts it, on another port",
    "prefect server start": "the same",
    "prefect work-pool create assay --type kubernetes": "the pool is of processes; the template has a test of its own",
    "docker ": "compose.yaml has a test of its own",
    "kubectl ": "the manifests have a test of their own",
}
"""How the commands of docs/cluster.md begin that are not run here, and why."""
OTHER = "bright-blobs"
PATIENCE_S = 3000


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Two clones in which a problem each was run at once, and what they share."""

    one: Workspace
    two: Workspace
    shared: Mapping[str, str]
    said: Mapping[str, dict[str, Any]]
    """What each run printed, by problem."""


def typed(house: Workspace, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A command, with all the patience that two trainings beside it ask for."""
    child = start(house, *arguments, **more)
    out, err = child.communicate(timeout=PATIENCE_S)
    return subprocess.CompletedProcess(list(arguments), child.returncode, out, err)


def done(house: Workspace, *arguments: str, **more: str) -> str:
    """What a command prints that must not fail."""
    found = typed(house, *arguments, **more)
    assert found.returncode == 0, found.stderr
    return str(found.stdout)


def kept_evidence(house: Workspace) -> dict[str, bytes]:
    """What seals each evaluation that a state folder has; times are in it."""
    return {path.parent.name: path.read_bytes() for path in house.evaluations(NAME).glob("*/evidence.json")}


def shown(section: str) -> list[str]:
    """The commands of a section of docs/cluster.md that are run here."""
    return to_run(GUIDE.partition(f"## {section}\n")[2].partition("\n## ")[0])


def to_run(text: str) -> list[str]:
    commands = re.findall(r"^\$ (.*)$", text, flags=re.MULTILINE)
    return [command for command in commands if not command.startswith(tuple(NOT_RUN))]


def as_shown(house: Workspace, command: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A command of the guide, as a user with a name types it."""
    return subprocess.run(
        shlex.split(command),
        cwd=house.root,
        env=user(house) | more,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as variables:
        yield variables


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, shared: dict[str, str]) -> Machines:
    folder = tmp_path_factory.mktemp("machines")
    one = make_house_with_code(folder / "one" / "house")
    write_params(one.root, LENIENT)
    (one.root / ".dvc").mkdir()
    for file in (".dvc/config", "prefect.yaml"):
        shutil.copy(HOUSE / file, one.root / file)
    done(one, "new-problem", OTHER)
    commit(one.root)
    *to_begin, run, keep = shown(FIRST)
    assert run == f"assay run {NAME}"
    for command in to_begin:
        as_shown(one, command, **shared)
    two = clone_of(one, folder / "two" / "house")
    runs = {
        NAME: start(one, "run", NAME, "--json", **shared),
        OTHER: start(two, "run", OTHER, "--json", **shared),
    }
    said = {}
    for problem, child in runs.items():
        out, err = child.communicate(timeout=PATIENCE_S)
        assert child.returncode == 0, f"{problem}: {err}"
        said[problem] = json.loads(out)
    as_shown(one, keep)
    return Machines(one=one, two=two, shared=shared, said=said)


def test_no_command_of_the_guide_is_in_a_section_that_nothing_runs() -> None:
    assert to_run(GUIDE) == [*shown(FIRST), *shown(NEXT), *shown(POOLS)]


def test_two_main_jobs_of_two_machines_end_in_served_production_models(machines: Machines) -> None:
    for problem, document in machines.said.items():
        assert document["version"] == 1
        assert document["answer"]["model"]["problem"] == problem
        assert document["answer"]["predictions"]
    for house in (machines.one, machines.two):
        assert not [path.name for path in house.home.glob("*.db")]
        assert not (house.home / "mlartifacts").exists()
        assert not (house.home / "prefect" / "server.json").exists()
    wrong = what_is_wrong(machines.shared["ASSAY_DATABASE_URL"], machines.shared["MLFLOW_TRACKING_URI"], [])
    assert wrong == []
    runs = httpx.post(f"{machines.shared['PREFECT_API_URL']}/flow_runs/filter", json={}, trust_env=False).json()
    assert {(run["name"], run["state"]["type"]) for run in runs} == {
        (f"main job of {problem}, demo", "COMPLETED") for problem in (NAME, OTHER)
    }


def test_a_problem_that_one_machine_works_on_is_refused_on_the_other(machines: Machines) -> None:
    holder = (
        "import sys; from components.core.workspace import Workspace; w = Workspace.find(); w.activate()\n"
        f"with w.shared_lock('{NAME}.lock'): print('has it', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", holder],
        cwd=machines.one.root,
        env=environment(machines.one, **machines.shared),
        stdin=-1,
        stdout=-1,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "has it\n"
    refused(typed(machines.two, "reconcile", NAME, **machines.shared), "another assay command is working on", NAME)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    (missed,) = json.loads(done(machines.two, "reconcile", NAME, "--json", **machines.shared))
    assert missed["repaired"]  # it had not got the package of the other's version; MLflow has it
    assert "no package" in missed["what"]
    assert json.loads(done(machines.two, "reconcile", NAME, "--json", **machines.shared)) == []


def test_a_run_of_a_work_pool_is_one_of_the_main_job(machines: Machines) -> None:
    """Deployed from one clone; the worker is in another."""
    create, deploy, run, work = shown(POOLS)
    for command in (create, deploy, run):
        as_shown(machines.one, command, **machines.shared)
    as_shown(machines.one, work, ASSAY_CLONE=str(machines.one.root), **machines.shared)
    api = machines.shared["PREFECT_API_URL"]
    runs = httpx.post(f"{api}/flow_runs/filter", json={}, trust_env=False).json()
    (of_pool,) = [run for run in runs if run["work_pool_name"] == "assay" and not run["auto_scheduled"]]
    assert of_pool["state"]["type"] == "COMPLETED", of_pool["state"]
    assert of_pool["state"]["message"] == f"{NAME} version 1 is in production"


def test_a_clone_with_an_empty_state_folder_goes_on_when_the_others_are_lost(
    machines: Machines, tmp_path: Path
) -> None:
    one, shared = machines.one, machines.shared
    done(one, "train", NAME, "--network", "residual", **shared)
    commit(one.root)  # data.dvc, as a colleague pushes it
    before = {of: json.loads(done(one, "models", of, "--json", **shared)) for of in (NAME, OTHER)}
    assert [version["version"] for version in before[NAME]] == [1, 2]
    evidence = kept_evidence(one)
    assert len(evidence) == 2
    three = clone_of(one, tmp_path / "three" / "house")
    for house in (one, machines.two):
        shutil.rmtree(house.root)
    look, judge, serve = shown(NEXT)
    as_shown(three, look, **shared)
    assert judge == f"assay gates {NAME} 1"
    as_shown(three, judge, **shared)
    assert {of: json.loads(done(three, "models", of, "--json", **shared)) for of in (NAME, OTHER)} == before
    port, log = free_port(), tmp_path / "serve.log"
    with running(
        [*shlex.split(serve), "--port", str(port)],
        log=log,
        cwd=three.root,
        environment={**user(three), **shared},
    ) as child:
        url = f"http://127.0.0.1:{port}"
        wait_until_answers(f"{url}/readyz", child, log=log, timeout_s=600)
        assert httpx.get(f"{url}/model", timeout=60, trust_env=False).json()["version"] == 1
    for stage in ("staging", "production"):
        done(three, "promote", NAME, "2", "--to", stage, "--reason", "a drill", **shared)
    assert kept_evidence(three) == evidence  # fetched: one that is made again took another time
    wrong = what_is_wrong(
        shared["ASSAY_DATABASE_URL"], shared["MLFLOW_TRACKING_URI"], [three.home / "bentoml" / "bentos"]
    )
    assert wrong == []
    assert json.loads(done(three, "reconcile", NAME, "--json", **shared)) == []
