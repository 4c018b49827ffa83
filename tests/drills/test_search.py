"""A search that is killed goes on to the very same result; several workers share one study."""

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    kept = [trial for trial in study.get_trials() if "killed" not in trial.user_attrs]
    return [(trial.state.name, *(trial.params[field] for field in SEARCHED), trial.value) for trial in kept]


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
        if any(
            study.study_name == name and study.n_trials >= 2
            for study in optuna.get_all_study_summaries(create_storage(elsewhere))
        ):
            break
        time.sleep(0.05)
    child.kill()
    child.join()
    resumed = search(elsewhere, problem, small_dataset, settings)
    assert resumed == unbroken
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
    assert winner.study.startswith("galaxy-shape, 10 trials on 320 images (")
    study = optuna.load_study(study_name=winner.study, storage=create_storage(workspace))
    assert study.metric_names == ["validation loss"]
    assert (study.user_attrs["data digest"], study.user_attrs["epochs of a trial"]) == (small_dataset.digest, 3)
    assert winner.pruned
    for trial in study.get_trials():
        assert trial.user_attrs["commit"] == read_source(workspace.root).commit
        assert trial.user_attrs["epochs"] == len(trial.intermediate_values)
        assert ("pruned" in trial.user_attrs) == (trial.state is optuna.trial.TrialState.PRUNED)


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
    assert len(states) in (4, 5)  # two workers may begin the last one together
    assert set(states) <= {"COMPLETE", "PRUNED"}
