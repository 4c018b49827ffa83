"""A study's trials: who chooses them, whose they are, and what becomes of one whose process, memory or loss is gone."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError, PendingRollbackError

from components.core import AssayError, ProblemSettings, Workspace
from components.fields.problem import Problem
from components.training.searches import claims
from components.training.searches.claims import claim, give_up_dead
from components.training.searches.records import BY_CHANCE, PLACE, TrialRecord, best_first, ended_trials
from components.training.searches.space import make_sampler, seed_of, startup_trials
from components.training.searches.storage import _again, add_once, open_storage
from components.training.searches.study import run_study
from components.training.searches.trial import TrialTask, run_trial
from tests.drills.search_objectives import EPOCHS, bowl

Objective = Callable[[optuna.Trial, TrialTask], float]


@pytest.fixture
def settings(settings: ProblemSettings) -> ProblemSettings:
    return replace(settings, search=replace(settings.search, trials=6))


@pytest.fixture
def task(workspace: Workspace, problem: Problem, settings: ProblemSettings) -> TrialTask:
    return TrialTask(
        workspace=workspace, problem=problem, data=workspace.root, settings=settings, study="bowl", objective=bowl
    )


def new_study(task: TrialTask) -> optuna.Study:
    return optuna.create_study(study_name=task.study, storage=open_storage(task.workspace.optuna_url))


def with_search(task: TrialTask, **changed: Any) -> TrialTask:
    search = replace(task.settings.search, **changed)
    return replace(task, settings=replace(task.settings, search=search))


def queue(study: optuna.Study, count: int = 1) -> list[int]:
    for place in range(count):
        study.enqueue_trial({"learning_rate": 0.1 * place}, user_attrs={PLACE: place})
    return [trial._trial_id for trial in study.get_trials()]


def test_six_trials_are_chosen_by_the_house_by_chance_and_by_what_was_learned(task: TrialTask) -> None:
    study = new_study(task)
    run_study(study, task)
    chosen = [record.chosen_by for record in ended_trials(study, 6)]
    assert chosen[0] == "params.yaml"
    assert chosen.count("TPE") >= 3
    assert chosen == sorted(chosen, key=["params.yaml", BY_CHANCE, "TPE"].index)


def test_every_number_of_trials_leaves_some_to_be_learned_for(settings: ProblemSettings) -> None:
    for trials in range(2, 60):
        assert startup_trials(replace(settings.search, trials=trials)) < trials


def test_no_two_trials_of_two_searches_share_a_seed(settings: ProblemSettings) -> None:
    searches = [replace(settings.search, seed=seed) for seed in range(20)]
    seeds = [seed_of(search, place) for search in searches for place in range(40)]
    assert len(set(seeds)) == len(seeds)


def test_what_runs_at_the_same_time_is_not_suggested_twice(task: TrialTask) -> None:
    """Two trials that see the same ended ones: the second sees the first, too."""
    study = new_study(task)
    run_study(study, task)
    more = with_search(task, trials=8)
    rates = []
    for place in (6, 7):
        study.enqueue_trial({}, user_attrs={PLACE: place})
        (waiting,) = study.get_trials(states=(TrialState.WAITING,))
        trial = claim(begun(study, more, place), waiting._trial_id, task.workspace.home)
        assert trial is not None
        rates.append(trial.suggest_float("learning_rate", 0.0, 1.0))
    assert abs(rates[0] - rates[1]) > 1e-3


def begun(study: optuna.Study, task: TrialTask, place: int) -> optuna.Study:
    return optuna.load_study(
        study_name=study.study_name, storage=study._storage, sampler=make_sampler(task.settings.search, place)
    )


def test_more_trials_go_on_with_the_same_study(task: TrialTask) -> None:
    study = new_study(task)
    ended: list[TrialRecord] = []
    run_study(study, with_search(task, trials=2), on_trial=ended.append)
    run_study(study, with_search(task, trials=4), on_trial=ended.append)
    run_study(study, with_search(task, trials=4), on_trial=ended.append)
    assert [record.place for record in ended] == [0, 1, 2, 3]
    assert len(ended_trials(study, 2)) == 2


def test_starting_a_search_fails_nobodys_running_trial(task: TrialTask) -> None:
    study = new_study(task)
    (ours, _) = queue(study, 2)
    assert claim(study, ours, task.workspace.home) is not None
    give_up_dead(study)
    assert [trial.state for trial in study.get_trials()] == [TrialState.RUNNING, TrialState.WAITING]


def test_a_trial_is_claimed_once(task: TrialTask) -> None:
    study = new_study(task)
    (only,) = queue(study)
    assert claim(study, only, task.workspace.home) is not None
    assert claim(study, only, task.workspace.home) is None
    run_trial(task, only)
    assert [trial.state for trial in study.get_trials()] == [TrialState.RUNNING]


def test_a_trial_that_falls_silent_is_queued_again_three_times_at_most(task: TrialTask) -> None:
    """As one of another machine's, of which nothing is known but its heartbeats."""
    study = optuna.create_study(
        study_name=task.study, storage=open_storage(task.workspace.optuna_url, beat_s=1, grace_s=1)
    )
    queue(study)
    for _ in range(4):
        (waiting,) = study.get_trials(states=(TrialState.WAITING,))
        assert waiting.user_attrs[PLACE] == 0
        trial = claim(study, waiting._trial_id, task.workspace.home)
        assert trial is not None
        trial.set_user_attr(claims._PROCESS, None)
        while not study._storage._get_stale_trial_ids(study._study_id):  # type: ignore[attr-defined]
            time.sleep(0.1)
        give_up_dead(study)
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL] * 4
    give_up_dead(study)
    assert len(study.get_trials()) == 4


CLAIM_AND_DIE = """
import os, sys
from pathlib import Path
import optuna
from components.training.searches.claims import claim
from components.training.searches.storage import _again, add_once, open_storage
study = optuna.load_study(study_name="bowl", storage=open_storage(sys.argv[1]))
trial = claim(study, int(sys.argv[2]), Path(sys.argv[3]))
trial.suggest_float("learning_rate", 0.0, 1.0)
os.kill(os.getpid(), 9)
"""


def test_a_trial_whose_process_died_here_is_queued_again_at_once(task: TrialTask) -> None:
    study = new_study(task)
    (only,) = queue(study)
    arguments = [task.workspace.optuna_url, str(only), str(task.workspace.home)]
    subprocess.run([sys.executable, "-c", CLAIM_AND_DIE, *arguments], check=False)
    run_study(study, with_search(task, trials=1))
    died, again = study.get_trials()
    assert (died.state, again.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert (died.params, died.user_attrs[PLACE]) == (again.params, again.user_attrs[PLACE])
    (of_died, of_again) = ended_trials(study, 1)
    assert (of_died.why, of_again.why) == ("its process died", "")


def test_what_the_kernel_ended_for_memory_is_not_run_again(task: TrialTask, monkeypatch: pytest.MonkeyPatch) -> None:
    study = new_study(task)
    (only,) = queue(study)
    trial = claim(study, only, task.workspace.home)
    assert trial is not None
    monkeypatch.setattr(claims, "_has_died", lambda _: True)
    monkeypatch.setattr(claims, "_kills_for_memory", lambda: 10**9)
    give_up_dead(study)
    assert [found.state for found in study.get_trials()] == [TrialState.FAIL]
    assert ended_trials(study, 1)[0].why == "out of memory: the kernel ended its process"


def test_the_kernel_counts_what_it_ended_for_memory(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("nr_free_pages 17\noom_kill 3\n", encoding="ascii")
    assert claims._kills_for_memory(tmp_path / "vmstat") == 3
    assert claims._kills_for_memory(tmp_path / "none") is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError("Unable to allocate 9 GiB"),
    ],
)
def test_memory_that_does_not_suffice_fails_a_trial_alone(task: TrialTask, error: Exception) -> None:
    def objective(trial: optuna.Trial, task: TrialTask) -> float:
        if trial.number == 1:
            raise error
        return bowl(trial, task)

    study = new_study(task)
    run_study(study, replace(with_search(task, trials=3), objective=objective))
    assert [record.state for record in ended_trials(study, 3)] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert ended_trials(study, 3)[1].why.startswith("out of memory: ")


def test_a_loss_that_is_no_number_fails_a_trial_alone(task: TrialTask) -> None:
    def objective(trial: optuna.Trial, task: TrialTask) -> float:
        return float("nan") if trial.number == 0 else bowl(trial, task)

    study = new_study(task)
    run_study(study, replace(with_search(task, trials=2), objective=objective))
    first, second = ended_trials(study, 2)
    assert (first.state, first.why, second.state) == ("FAIL", "validation loss nan", "COMPLETE")


def test_an_error_ends_the_search_and_its_trial_is_run_another_time(task: TrialTask) -> None:
    def full(trial: optuna.Trial, task: TrialTask) -> float:
        raise AssayError("the disk is full")

    study, two = new_study(task), with_search(task, trials=2)
    with pytest.raises(AssayError, match="the disk is full"):
        run_study(study, replace(two, objective=full))
    run_study(study, two)
    assert {record.place for record in best_first(ended_trials(study, 2))} == {0, 1}


def test_a_trial_that_was_given_up_tells_nothing(task: TrialTask) -> None:
    study = new_study(task)

    def objective(trial: optuna.Trial, task: TrialTask) -> float:
        trial.study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)  # as whoever thought it dead
        return 0.0

    (only,) = queue(study)
    run_trial(replace(task, objective=objective), only)
    (trial,) = study.get_trials()
    assert (trial.state, trial.value) == (TrialState.FAIL, None)


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband"])
def test_every_pruner_ends_bad_trials_early(task: TrialTask, pruner: str) -> None:
    study = new_study(task)
    many = with_search(task, trials=12, pruner=pruner, epochs=EPOCHS)
    run_study(study, many)
    records = ended_trials(study, 12)
    pruned = [record for record in records if record.state == "PRUNED"]
    assert pruned
    assert all(record.losses for record in pruned)
    assert best_first(records)[0].state == "COMPLETE"


def test_two_processes_share_a_search_and_one_that_is_killed_loses_nothing(
    task: TrialTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight trials of a fixed list: the best is that of a search without kills."""
    monkeypatch.setenv("ASSAY_TEST_EPOCH_S", "0.1")
    two = with_search(task, trials=8, workers=2)
    study, killed = new_study(two), list[int]()
    queue(study, 8)

    def kill(_: TrialRecord) -> None:
        running = study.get_trials(states=(TrialState.RUNNING,))
        if not killed and running and "ran in" in running[0].user_attrs:
            killed.append(int(running[0].user_attrs["process"][2]))
            os.kill(killed[0], 9)

    run_study(study, two, on_trial=kill)
    assert killed
    trials = study.get_trials()
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    whole = [trial.user_attrs[PLACE] for trial in trials if trial.state != TrialState.FAIL]
    assert sorted(whole) == list(range(8))  # each once
    assert study.best_params == {"learning_rate": pytest.approx(0.3)}
    assert os.getpid() not in {trial.user_attrs.get("ran in") for trial in trials}


@pytest.mark.parametrize("was_added", [True, False])
def test_a_trial_is_added_once_although_the_server_went_away(was_added: bool) -> None:
    """A commit whose answer is lost may have been one."""
    added: list[int] = []
    calls = iter([True, False])

    def add() -> None:
        fails = next(calls)
        if was_added or not fails:
            added.append(1)
        if fails:
            raise optuna.exceptions.StorageInternalError from type("OperationalError", (Exception,), {})()

    add_once(add, lambda: bool(added))
    assert added == [1]


@pytest.mark.parametrize(
    "cause", [OperationalError("SELECT", {}, Exception()), PendingRollbackError("not rolled back")]
)
def test_a_question_is_asked_again_whatever_a_lost_connection_raised(cause: Exception) -> None:
    """Optuna's own fallback asks once more on the connection that is lost."""
    asked = []

    def ask() -> int:
        asked.append(1)
        if len(asked) == 1:
            raise optuna.exceptions.StorageInternalError("the server went away") from cause
        return 7

    assert _again(ask)() == 7
