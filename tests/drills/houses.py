"""Making and copying houses with models in them, and what drills do to such a house."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from components.core.source import Source
from components.core.workspace import Workspace
from components.data.data_file import write_row
from components.data.simulation import dataset_key
from components.evidence.evaluation import evaluate
from components.fields.dataset import Dataset
from components.ledger.opening import whoami
from components.lifecycle.promotion import Promotion
from components.lifecycle.registration import register
from components.problems import find_problem
from components.problems.galaxy_shape.settings import GalaxyTrainSettings
from components.registry.registry import Registry
from components.training.run import train
from tests.conftest import SMALL, make_house, small_settings
from tests.drills.commands import assay_here

NAME = "galaxy-shape"
ANY = {"margin": 1, "slice_margin": 1, "nats_margin": 100, "nats_slice_margin": 100}
LENIENT: dict[str, Any] = SMALL | {"gates": SMALL["gates"] | {"over_production": ANY, "over_best": ANY}}
"""Gates that any model passes: what is drilled is what happens around them."""


def make_candidates(folder: Path, data: Path, count: int) -> Workspace:
    """A house with so many candidates, trained and evaluated."""
    workspace = make_house(folder, LENIENT)
    adopt(workspace, data)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in workspace.environment().items():
            patch.setenv(name, value)
        register_candidates(workspace, count)
    return workspace


def register_candidates(workspace: Workspace, count: int) -> None:
    """Train, evaluate and register so many networks in the house that the environment points at; once."""
    problem, settings = find_problem(NAME), small_settings(workspace.root)
    assert isinstance(settings.train, GalaxyTrainSettings)
    dataset = Dataset.open(workspace.dataset(NAME))
    for number in range(count):
        # All alike but for what their biases are learned from: which is the better one nobody can see.
        alike = replace(settings.train, correction_images=settings.train.correction_images + number)
        other = replace(settings, train=alike)
        model = train(workspace, problem, dataset, other, source=Source(commit="0" * 40, dirty=False))
        evidence = evaluate(workspace, problem, model, dataset, settings)
        register(
            workspace,
            problem,
            settings,
            dataset,
            model_folder=model,
            evidence=evidence,
            data_md5="0" * 32,
            actor="ada",
        )


def adopt(workspace: Workspace, data: Path) -> None:
    """Give a house the dataset that another one of the same settings drew."""
    shutil.copytree(data, workspace.dataset(NAME))
    key = dataset_key(find_problem(NAME), small_settings(workspace.root).simulate)
    write_row(workspace, NAME, meta={"dataset": Dataset.open(workspace.dataset(NAME)).digest, "key": key})


def copy_house(house: Workspace, folder: Path) -> Workspace:
    """The same house elsewhere."""
    shutil.copytree(house.root, folder, symlinks=True)
    return Workspace(root=folder, home=folder / ".assay")


def mlflow_client(house: Workspace) -> Any:
    """MLflow's own client, for what a user could do by hand."""
    import mlflow

    uri = f"sqlite:///{house.home / 'mlflow.db'}"
    return mlflow.MlflowClient(uri, uri)


def evaluation_folder(house: Workspace, version: int) -> Path:
    """Where the files of MLflow's evaluation of a version lie, in a house that has its MLflow in it."""
    with Registry(house).evaluation(NAME, version) as folder:
        return folder


def verdicts_shown(house: Workspace, version: int, stage: str) -> list[str]:
    """The lines of the page of verdicts that MLflow has of a version."""
    client = mlflow_client(house)
    run = client.get_model_version(NAME, str(version)).run_id
    folder = Path(client.get_run(run).info.artifact_uri.replace("assay-home:", f"{house.home}/mlartifacts"))
    return (folder / "gates" / f"{stage}.md").read_text(encoding="utf-8").splitlines()


def promotion_of(house: Workspace) -> Promotion:
    """What the command works with, in this process, whose environment points at the house from now on."""
    os.environ.update({name: value for name, value in house.environment().items() if name != "ASSAY_DATABASE_URL"})
    dataset = Dataset.open(house.dataset(NAME))
    return Promotion(house, find_problem(NAME), small_settings(house.root), dataset)


def promote(house: Workspace, version: int, stage: str, *more: str) -> CompletedProcess[str]:
    """The command, in this process."""
    return assay_here(house, "promote", NAME, str(version), "--to", stage, "--reason", "a reason", *more)


def overriding(days: int = 9, by: str | None = None) -> tuple[str, ...]:
    """What a promotion against gates says beside that: whose word it is, and for how many days from today."""
    return ("--override", by or whoami(), "--until", str(datetime.now(UTC).date() + timedelta(days=days)))


def to_production(house: Workspace, version: int, *more: str) -> None:
    """Take a candidate all the way."""
    for stage, options in (("staging", ()), ("production", more)):
        done = promote(house, version, stage, *options)
        assert done.returncode == 0, done.stderr


def agrees(house: Workspace) -> None:
    """Ledger, MLflow and packages say the same."""
    done = assay_here(house, "reconcile", "--json")
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stdout + done.stderr
