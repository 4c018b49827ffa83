"""A search that is killed goes on to the very same result; several workers share one study."""

import multiprocessing
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import optuna
import pytest

from components.core.settings import ProblemSettings
from components.core.source import read_source
from components.core.workspace import Workspace
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.problems import find_problem
from components.training.searches.storage import create_storage
from components.training.searches.study import search, study_name

SEARCHED = ("network", "width", "learning_rate")


@pytest.fixture
def settings(settings: ProblemSettings) -> ProblemSettings:
    return replace(settings, search=replace(settings.search, trials=4, epochs=3))


def trials_of(workspace: Workspace, name: str) -> list[tuple[Any, ...]]:
    study = optuna.load_study(study_name=name, storage=create_storage(workspace))
    kept = [trial for trial in study.get_trials() if trial.state is not optuna.trial.TrialState.FAIL]
    kept.sort(key=lambda trial: int(trial.user_attrs["place"]))
    return [(trial.state.name, *(trial.params[field] for field in SEARCHED), trial.value) for trial in kept]


def begun_of(workspace: Workspace, name: str) -> list[Any]:
    study = optuna.load_study(study_name=name, storage=create_storage(workspace))
    return [trial for trial in study.get_trials() if "commit" in trial.user_attrs]


def search_here(workspace: Workspace, folder: Path, settings: ProblemSettings) -> None:
    search(workspace, find_problem("galaxy-shape"), Dataset.open(folder), settings)


def test_killed_search_goes_on_to_the_same_trials(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    unbroken = search(workspace, problem, small_dataset, settings)
    elsewhere = Workspace(root=workspace.root, home=workspace.home / "elsewhere")
    elsewhere.home.mkdir()
    create_storage(elsewhere)
    name = study_name(problem, small_dataset, settings)
    child = multiprocessing.get_context("spawn").Process(
        target=search_here, args=(elsewhere, small_dataset.folder, settings)
    )
    child.start()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if name in optuna.get_all_study_names(create_storage(elsewhere)) and len(begun_of(elsewhere, name)) >= 2:
            break
        time.sleep(0.05)
    child.kill()
    child.join()
    resumed = search(elsewhere, problem, small_dataset, settings)
    assert (resumed.parameters, resumed.loss, resumed.trials) == (unbroken.parameters, unbroken.loss, unbroken.trials)
    assert trials_of(elsewhere, name) == trials_of(workspace, name)
    assert not [state for state, *_ in trials_of(elsewhere, name) if state in ("RUNNING", "WAITING")]


def test_params_of_the_house_are_the_first_trial_and_a_finished_search_is_only_read(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    first = search(workspace, problem, small_dataset, settings)
    name = study_name(problem, small_dataset, settings)
    before = trials_of(workspace, name)
    assert before[0][1:4] == tuple(getattr(settings.train, field) for field in SEARCHED)
    assert search(workspace, problem, small_dataset, settings) == first
    assert trials_of(workspace, name) == before


def test_the_dashboard_says_what_is_searched_and_why_a_trial_ended(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    many = replace(settings, search=replace(settings.search, trials=10))
    winner = search(workspace, problem, small_dataset, many)
    assert winner.study.startswith("galaxy-shape, 320 images (")
    study = optuna.load_study(study_name=winner.study, storage=create_storage(workspace))
    assert study.metric_names == ["validation loss"]
    assert (study.user_attrs["data digest"], study.user_attrs["epochs of a trial"]) == (small_dataset.digest, 3)
    assert winner.pruned
    for trial in study.get_trials():
        assert trial.user_attrs["commit"] == read_source(workspace.root).commit
        assert trial.user_attrs["epochs"] == len(trial.intermediate_values)
        assert ("why" in trial.user_attrs) == (trial.state is optuna.trial.TrialState.PRUNED)
    assert {record.device for record in winner.records} == {f"cpu of {socket.gethostname()}"}
    assert {record.data for record in winner.records} == {small_dataset.digest}
    assert all(record.seconds > 0 and record.images > 0 for record in winner.records)
    assert winner.random < len(winner.records) // 2


def test_what_the_house_has_outside_of_the_space_is_not_tried(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    widths = (settings.train.width + 1, settings.train.width + 2)
    space = {**settings.search.space, "width": widths}
    other = replace(settings, search=replace(settings.search, space=space, trials=2, epochs=1))
    winner = search(workspace, problem, small_dataset, other)
    tried = trials_of(workspace, winner.study)
    assert len(tried) == 2
    assert {trial[1 + SEARCHED.index("width")] for trial in tried} <= set(widths)
    assert tried[0][1 + SEARCHED.index("learning_rate")] == settings.train.learning_rate


def test_two_workers_share_the_trials(
    workspace: Workspace, problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    shared = replace(settings, search=replace(settings.search, workers=2, epochs=1))
    winner = search(workspace, problem, small_dataset, shared)
    states = [state for state, *_ in trials_of(workspace, winner.study)]
    assert len(states) == 4
    assert set(states) <= {"COMPLETE", "PRUNED"}


def test_another_space_or_dataset_is_another_study_and_more_trials_are_not(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    name = study_name(problem, small_dataset, settings)
    for search_settings in (replace(settings.search, trials=40), replace(settings.search, workers=3)):
        assert study_name(problem, small_dataset, replace(settings, search=search_settings)) == name
    space = {**settings.search.space, "batch_size": (32, 64)}
    assert study_name(problem, small_dataset, replace(settings, search=replace(settings.search, space=space))) != name
    other = mock.Mock(wraps=small_dataset, digest="0" * 64, catalogue=small_dataset.catalogue)
    assert study_name(problem, other, settings) != name


def test_each_worker_of_a_search_names_its_own_device(
    workspace: Workspace,
    problem: Problem,
    small_dataset: Dataset,
    settings: ProblemSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As far as a machine without GPUs can show it: the devices are made up, and the processes see one each."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    shared = replace(settings, search=replace(settings.search, workers=2, trials=6, epochs=2))
    winner = search(workspace, problem, small_dataset, shared)
    devices = {record.device.split()[-3] for record in winner.records}
    assert devices <= {"2", "5"}
    assert all(record.device.startswith("cpu") for record in winner.records)
