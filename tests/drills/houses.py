"""Houses with models in them, made once and copied for each drill."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.datasets import Dataset
from components.evaluation import evaluate
from components.problems import find_problem
from components.registration import register
from components.source import Source
from components.training import train
from components.workspace import Workspace
from tests.conftest import SMALL, make_house, small_settings

NAME = "galaxy-shape"
LENIENT: dict[str, Any] = SMALL | {"gates": SMALL["gates"] | {"margin": 1, "slice_margin": 1}}
"""Gates that any model passes: what is drilled is what happens around them."""

_PATHS = (  # where MLflow keeps absolute paths
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)


def make_candidates(folder: Path, data: Path, count: int) -> Workspace:
    """A house with so many candidates, trained and evaluated."""
    workspace = make_house(folder, LENIENT)
    shutil.copytree(data, workspace.dataset(NAME))
    problem, settings = find_problem(NAME), small_settings(workspace.root)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in workspace.environment().items():
            patch.setenv(name, value)
        dataset = Dataset.open(workspace.dataset(NAME))
        for seed in range(count):
            seeded = replace(settings.train, seed=seed)
            model = train(workspace, problem, dataset, settings, seeded, source=Source(commit="0" * 40, dirty=False))
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
    return workspace


def copy_house(house: Workspace, folder: Path) -> Workspace:
    """The same house elsewhere, with a database that says so."""
    shutil.copytree(house.root, folder)
    copy = Workspace(root=folder, home=folder / ".assay")
    with closing(sqlite3.connect(copy.home / "mlflow.db")) as database, database:
        for table, column in _PATHS:
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                (str(house.root), str(folder)),
            )
    return copy


def mlflow_client(house: Workspace) -> Any:
    """MLflow's own client, for what a user could do by hand."""
    import mlflow

    uri = f"sqlite:///{house.home / 'mlflow.db'}"
    return mlflow.MlflowClient(uri, uri)
