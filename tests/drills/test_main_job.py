"""The main job with real processes: run, run again, killed at every step, changed and refused."""

import json
import random
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from components.core.workspace import Workspace
from components.ledger.ledger import Ledger
from components.registry.registry import Registry
from components.registry.search_log import SEARCH_TAG
from tests.conftest import SMALL, commit, make_house_with_code
from tests.drills.commands import assay, environment, start

STEPS = (
    "simulate",
    "validate",
    "version",
    "search",
    "train",
    "evaluate",
    "register",
    "gate",
    "package",
    "stage",
    "prove",
    "predict",
)


@pytest.fixture
def house(workspace: Workspace) -> Workspace:
    return workspace


def status(house: Workspace) -> str:
    return subprocess.run(
        ["git", "status", "--porcelain"], cwd=house.root, capture_output=True, text=True, check=True
    ).stdout


def assert_done_once(house: Workspace) -> None:
    """One version, one package, one ledger entry for each stage change, every mirror right, nothing left running."""
    registry, ledger = Registry(house), Ledger(house.database_url)
    (version,) = registry.versions("galaxy-shape")
    changes = [(entry.from_stage, entry.to_stage) for entry in ledger.history("galaxy-shape")]
    assert changes == [(None, "candidate"), ("candidate", "staging"), ("staging", "production")]
    packages = [path for path in (house.home / "bentoml" / "bentos" / "galaxy-shape").iterdir() if path.is_dir()]
    assert [path.name for path in packages] == [version.tags["package.tag"].partition(":")[2]]
    assert not list((house.home / "staging").glob("*/*"))
    assert not [path for path in (house.root / "data").iterdir() if path.name.startswith(".")]
    assert not processes_of(house)
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{house.home / 'mlflow.db'}")
    assert int(client.get_model_version_by_alias("galaxy-shape", "production").version) == version.version
    (experiment,) = client.search_experiments(filter_string="name = 'galaxy-shape'")
    runs = client.search_runs([experiment.experiment_id])
    logged = [run for run in runs if SEARCH_TAG in run.data.tags]
    assert [run.info.status for run in logged].count("FINISHED") == 1 + SMALL["search"]["trials"]  # itself, and each
    (run,) = [
        run for run in runs if SEARCH_TAG not in run.data.tags
    ]  # from the training's first epoch to the registration
    assert (run.info.status, run.info.run_id) == ("FINISHED", version.run_id)
    epochs = client.get_metric_history(run.info.run_id, "validation_loss")
    assert [metric.step for metric in epochs] == list(range(1, len(epochs) + 1))
    assert epochs


def processes_of(house: Workspace, *, patience_s: float = 20) -> list[str]:
    """What still runs for a house after some patience: its state folder is in the command or the environment."""
    deadline = time.monotonic() + patience_s
    while True:
        found = []
        for process in psutil.process_iter(["cmdline", "environ", "status"]):
            mine = str(house.root) in " ".join(process.info["cmdline"] or []) or (
                (process.info["environ"] or {}).get("ASSAY_HOME") == str(house.home)
            )
            if mine and process.pid != psutil.Process().pid and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or [])[:200])
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def kill_during(house: Workspace, step: str, delay_s: float) -> bool:
    """Kill a run with SIGKILL some time after it began a step; False when it ended before."""
    run = start(house, "run", "galaxy-shape")
    assert run.stderr is not None
    try:
        for line in run.stderr:
            if line.strip() == f"… {step}":
                time.sleep(delay_s)
                break
        run.send_signal(signal.SIGKILL)
    finally:
        run.communicate(timeout=60)
    return run.returncode == -signal.SIGKILL


def test_run_ends_in_a_served_prediction_and_again_does_nothing(house: Workspace) -> None:
    first = assay(house, "run", "galaxy-shape", "--json")
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    answer = document["answer"]
    said = answer["predictions"][0]["answer"]
    for name in ("flux", "n", "half_light_radius", "g1", "g2"):
        assert {f"{of}_{name}{end}" for of in ("posterior", "likelihood") for end in ("", "_error")} <= set(said)
    assert said["quote"] in ("posterior", "likelihood")
    assert {said["likelihood_edge"], said["likelihood_converged"]} <= {"no", "yes"}
    assert answer["units"]["posterior_flux"] == answer["units"]["likelihood_flux"] == "1e5 counts"
    model = answer["model"]
    tags = Registry(house).version("galaxy-shape", 1).tags
    assert model["version"] == document["version"] == 1
    assert model["weights_sha256"] == tags["weights.sha256"]
    assert model["data_md5"] == tags["data.md5"]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=house.root, capture_output=True, text=True, check=True)
    assert model["git_commit"] == tags["git.commit"] == head.stdout.strip()
    assert tags["simulator.fingerprint"]
    assert_done_once(house)
    assert not list((house.root.parent / "user").rglob("*")), "something was written to the user's home"
    commit(house.root)

    trained = written(house)
    second = assay(house, "run", "galaxy-shape", "--json")
    assert second.returncode == 0, second.stderr
    again = json.loads(second.stdout)
    assert again["report"] == document["report"]
    assert again["answer"]["predictions"][0]["answer"] == answer["predictions"][0]["answer"]
    assert written(house) == trained
    assert status(house) == ""
    assert_done_once(house)
    assert_pages_say_what_was_found(house)
    assert_dvc_shows_and_compares(house)


def assert_pages_say_what_was_found(house: Workspace) -> None:
    """Prefect's: a line of each step in the log, runs by what they do, and the tables as artifacts."""
    database = f"file:{house.home / 'prefect' / 'prefect.db'}?mode=ro"
    with closing(sqlite3.connect(database, uri=True)) as prefect:

        def column(query: str) -> list[str]:
            return [value for (value,) in prefect.execute(query)]

        assert set(column("SELECT name FROM flow_run")) == {"main job of galaxy-shape, demo"}
        names = column("SELECT name FROM task_run")
        assert names.count("gate (staging)") == names.count("gate (production)") == 1
        said = column("SELECT message FROM log")
        assert "Finished in state Completed('1 rules passed for staging')" in said
        assert "Finished in state Completed('galaxy-shape version 1 is in production')" in said
        pages = dict(prefect.execute("SELECT key, data FROM artifact ORDER BY created").fetchall())
    assert "galaxy-shape version 1 to production: 1 of 1 rules pass" in pages["galaxy-shape-gates-production"]
    assert "| posterior.crps_over_crb.test |" in pages["galaxy-shape-gates-staging"]
    assert "| this model's posterior |" in pages["galaxy-shape-report"]


def assert_dvc_shows_and_compares(house: Workspace) -> None:
    """What is committed is compared with what is there now, in the metrics that MLflow shows, too."""
    (version,) = Registry(house).versions("galaxy-shape")
    file = "results/metrics/galaxy-shape.json"
    shown = json.loads(dvc(house, "metrics", "show", "--json").stdout)[""]["data"][file]["data"]
    assert shown == version.metrics
    (plot,) = json.loads(dvc(house, "plots", "show", "--json").stdout)["data"]["results/epochs/galaxy-shape.csv"]
    assert {point["field"] for point in plot["content"]["data"]["values"]} == {"training_loss", "validation_loss"}
    (house.root / file).write_text(json.dumps(shown | {"tested.share": 2.0}), encoding="utf-8")
    (change,) = json.loads(dvc(house, "metrics", "diff", "--json").stdout)[file].values()
    assert (change["old"], change["new"]) == (shown["tested.share"], 2.0)


def written(house: Workspace) -> dict[str, int]:
    """When models, evaluations, packages and data were last written."""
    folders = [house.home / name for name in ("models", "evaluations", "bentoml/bentos", "mlartifacts")]
    return {
        str(path): path.stat().st_mtime_ns
        for folder in [*folders, house.root / "data"]
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.ci
def test_killed_while_training_and_while_registering_ends_with_one_of_each(house: Workspace) -> None:
    assert kill_during(house, "train", 0.5)
    assert kill_during(house, "register", 1.0)
    assert assay(house, "run", "galaxy-shape").returncode == 0
    assert_done_once(house)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_every_step_ends_with_one_of_each(house: Workspace, seed: int) -> None:
    delays = random.Random(seed)
    killed = [step for step in STEPS if kill_during(house, step, delays.choice([0.0, 0.1, 0.3]))]
    assert len(killed) >= len(STEPS) - 2, killed  # a step may be over before the signal comes
    assert assay(house, "run", "galaxy-shape").returncode == 0
    assert_done_once(house)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_dvc_repro_rebuilds_the_model_of_the_same_parameters(tmp_path: Path) -> None:
    """`dvc repro` and `assay train` with the same parameters give the same weights and the same evidence."""
    house = make_house_with_code(tmp_path / "house")
    assert assay(house, "simulate", "galaxy-shape").returncode == 0
    trained = json.loads(assay(house, "train", "galaxy-shape", "--json").stdout)
    description = json.loads((Path(trained["model"]) / "model.json").read_text(encoding="utf-8"))
    commit(house.root)
    clone = house.root.parent / "clone"
    subprocess.run(["git", "clone", "--quiet", str(house.root), str(clone)], check=True)
    there = Workspace(root=clone, home=clone / ".assay")
    assert assay(there, "simulate", "galaxy-shape").returncode == 0
    assert status(there) == "", "the same seed and commit give the same bytes"
    repro = dvc(there, "repro")
    assert repro.returncode == 0, repro.stderr
    rebuilt = json.loads((clone / "build/galaxy-shape/model/model.json").read_text(encoding="utf-8"))
    assert rebuilt["weights_sha256"] == description["weights_sha256"]
    assert (clone / "build/galaxy-shape/evaluation/metrics.json").exists()
    assert "up to date" in dvc(there, "repro").stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_version_is_trained_again_from_what_checkout_says(tmp_path: Path) -> None:
    """Same machine, same data, same parameters: the same weights, and so the same headline metrics."""
    house = make_house_with_code(tmp_path / "house")
    assert assay(house, "run", "galaxy-shape").returncode == 0
    commit(house.root)
    tags = Registry(house).version("galaxy-shape", 1).tags
    assert assay(house, "simulate", "galaxy-shape", "--seed", "7").returncode == 0
    out = tmp_path / "again"
    done = assay(house, "checkout", "galaxy-shape", "1", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    rebuild = json.loads(done.stdout)
    assert (rebuild["data_md5"], rebuild["commit"], rebuild["dirty"]) == (tags["data.md5"], tags["git.commit"], False)
    assert status(house) == ""
    *_, home, train, evaluate = rebuild["commands"]
    elsewhere = {"ASSAY_HOME": home.removeprefix("export ASSAY_HOME=")}
    again = assay(house, *shlex.split(train)[1:], **elsewhere)
    assert again.returncode == 0, again.stderr
    description = json.loads((out / "model" / "model.json").read_text(encoding="utf-8"))
    assert description["weights_sha256"] == tags["weights.sha256"]
    measured = assay(house, *shlex.split(evaluate)[1:], "--json", **elsewhere)
    assert measured.returncode == 0, measured.stderr
    metrics = json.loads(measured.stdout)["metrics"]
    for name, value in Registry(house).version("galaxy-shape", 1).metrics.items():
        assert metrics[name]["value"] == pytest.approx(value, rel=1e-6), name


def dvc(house: Workspace, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=house.root,
        env=environment(house, **house.environment()),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
