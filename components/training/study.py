"""Search what params.yaml names of a training with Optuna: pruned, resumable, over one or several processes.

    winner = search(workspace, problem, dataset, settings)
    found = settings.searched(winner.parameters)

The study lives in the workspace's Optuna database under a name that ends with its inputs' digest, so that a study of
the same inputs goes on where it stopped, and one that is complete is only read. The caller holds the problem's lock.
Its attributes and those of its trials are for `optuna-dashboard`; only `killed` decides anything.
"""

import multiprocessing
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from components.core import (
    PATIENCE_S,
    SQLITE,
    AssayError,
    KnownDigests,
    ProblemSettings,
    Span,
    TrainSettings,
    Workspace,
    die_with_parent,
    holds,
    read_source,
    value_digest,
)
from components.fields import Dataset, Problem
from components.training.inputs import search_inputs, training_inputs
from components.training.trainer import Trainer

if TYPE_CHECKING:
    import optuna

__label__ = "search"

_KILLED = "killed"
"""Marks trials whose process ended without a word: they do not count towards the number of trials."""
_PRUNE_AFTER_TRIALS = 3
"""Complete trials before the first is pruned: fewer make no median."""


@dataclass(frozen=True, kw_only=True)
class Winner:
    """What a study found."""

    study: str
    """Its name in the Optuna database."""
    trials: int
    pruned: int
    loss: float
    """Validation loss of the best trial."""
    parameters: dict[str, Any]
    """The best trial's values of the fields that were searched."""


def search(workspace: Workspace, problem: Problem, dataset: Dataset, settings: ProblemSettings) -> Winner:
    """Run what is missing of the study and return its best trial.

    Raises:
        AssayError: when no trial ended with a finite loss.
    """
    import optuna

    name = study_name(problem, dataset, settings)
    study = optuna.create_study(
        study_name=name,
        storage=create_storage(workspace),
        load_if_exists=True,
        direction="minimize",
    )
    _forget_broken_trials(study, set(settings.search.space))
    _describe(study, problem, dataset, settings)
    if not study.get_trials(deepcopy=False):
        # What params.yaml says is the first trial, as far as it is in the space: a search can only improve on it.
        first = {name: getattr(settings.train, name) for name in settings.search.space}
        inside = {name: value for name, value in first.items() if holds(settings.search.space[name], value)}
        study.enqueue_trial(inside, skip_if_exists=True)
    _run_workers(workspace, problem, dataset, settings, name)
    finished = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if not finished:
        raise AssayError(
            f"search {name}: no trial ended with a finite loss: search smaller learning rates or other networks"
        )
    best = study.best_trial
    pruned = len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.PRUNED,)))
    return Winner(
        study=name,
        trials=len(finished) + pruned,
        pruned=pruned,
        loss=float(study.best_value),
        parameters={name: best.params[name] for name in settings.search.space},
    )


def study_name(problem: Problem, dataset: Dataset, settings: ProblemSettings) -> str:
    """Name of the study of these inputs, such as `galaxy-shape, 6 trials on 16,384 images (9266170309ff)`."""
    inputs = {
        "data": dataset.digest,
        "search": search_inputs(problem, settings),
        "training": training_inputs(problem, settings),
    }
    size = f"{settings.search.trials} trials on {len(dataset.catalogue):,} images"
    return f"{problem.name}, {size} ({value_digest(inputs)[:12]})"


def _describe(study: "optuna.Study", problem: Problem, dataset: Dataset, settings: ProblemSettings) -> None:
    """Say what is searched and on what; the same of a study that goes on."""
    if study.metric_names is None:
        study.set_metric_names(["validation loss"])
    said = {
        "problem": problem.name,
        "data digest": dataset.digest,
        "epochs of a trial": settings.search.epochs,
        "images of an epoch": settings.search.images_per_epoch,
        "first trial": "the values of params.yaml",
    }
    for name, value in said.items():
        study.set_user_attr(name, value)


def _run_workers(
    workspace: Workspace, problem: Problem, dataset: Dataset, settings: ProblemSettings, name: str
) -> None:
    workers = settings.search.workers
    if workers == 1:
        _work(workspace, problem, dataset.folder, settings, name, None)
        return
    context = multiprocessing.get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // workers)
    children = [
        context.Process(target=_work, args=(workspace, problem, dataset.folder, settings, name, threads))
        for _ in range(workers)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    failed = [child.exitcode for child in children if child.exitcode]
    if failed:
        raise AssayError(
            f"search {name}: {len(failed)} of {workers} workers ended with status {failed[0]}: run it again"
        )


def _work(
    workspace: Workspace,
    problem: Problem,
    data: Path,
    settings: ProblemSettings,
    name: str,
    threads: int | None,
) -> None:
    import optuna
    import torch

    if threads is not None:  # a process of its own
        die_with_parent()
        torch.set_num_threads(threads)
    dataset = Dataset.open(data, KnownDigests(folder=workspace.digests))
    commit = read_source(workspace.root).commit
    study = optuna.load_study(
        study_name=name,
        storage=create_storage(workspace),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_PRUNE_AFTER_TRIALS),
    )
    with tqdm(total=settings.search.trials, desc="search", unit="trial", disable=None) as bar:
        while True:
            begun = sum(
                trial.state != optuna.trial.TrialState.WAITING and _KILLED not in trial.user_attrs
                for trial in study.get_trials(deepcopy=False)
            )
            bar.update(begun - bar.n)
            if begun >= settings.search.trials:
                return
            # One seed a trial, not one a process: a resumed study suggests what an unbroken one would have.
            study.sampler = optuna.samplers.TPESampler(seed=settings.search.seed + begun)
            study.optimize(lambda trial: _objective(trial, problem, dataset, settings, commit), n_trials=1)


def _objective(
    trial: "optuna.Trial", problem: Problem, dataset: Dataset, settings: ProblemSettings, commit: str
) -> float:
    import optuna

    search = settings.search
    trial.set_user_attr("commit", commit)  # a study may go on at another, whose code is the same
    chosen = {name: _suggested(trial, name, choices, settings.train) for name, choices in search.space.items()}
    found = settings.searched(chosen)
    tried = replace(found, train=replace(found.train, epochs=search.epochs))
    trainer = Trainer(problem, dataset, tried, images_per_epoch=search.images_per_epoch)
    loss = float("nan")
    for epoch in trainer:
        loss = epoch.validation_loss
        trial.report(loss, epoch.number)
        trial.set_user_attr("epochs", epoch.number)
        if trial.should_prune():
            why = f"validation loss {loss:.4g} after epoch {epoch.number} is above the median of the trials before"
            trial.set_user_attr("pruned", why)
            raise optuna.TrialPruned
    return loss  # a NaN makes the trial a failed one


def _suggested(trial: "optuna.Trial", name: str, choices: Span | tuple[Any, ...], train: TrainSettings) -> Any:
    """A value for one field of `train`: of the choices, or of the range, whole where the field is."""
    if not isinstance(choices, Span):
        return trial.suggest_categorical(name, choices)
    if isinstance(getattr(train, name), int):
        step = int(choices.step or 1)
        return trial.suggest_int(name, int(choices.low), int(choices.high), step=step, log=choices.log)
    return trial.suggest_float(name, choices.low, choices.high, step=choices.step, log=choices.log)


def create_storage(workspace: Workspace) -> "optuna.storages.RDBStorage":
    """The workspace's Optuna database, its tables made when it is new."""
    import optuna

    _quieten(optuna)
    url = workspace.optuna_url
    workspace.home.mkdir(parents=True, exist_ok=True)
    options = {"connect_args": {"timeout": PATIENCE_S}} if url.startswith(SQLITE) else {}
    # Heartbeats let another machine's trial be given up when that machine dies.
    return optuna.storages.RDBStorage(
        url,
        engine_kwargs=options,
        heartbeat_interval=60,
        grace_period=300,
        heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=3),
    )


def _forget_broken_trials(study: "optuna.Study", searched: set[str]) -> None:
    """Trials that a killed process left running are failed and their parameters queued again."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study._storage.set_trial_user_attr(trial._trial_id, _KILLED, True)
        study._storage.set_trial_state_values(trial._trial_id, optuna.trial.TrialState.FAIL)
        if set(trial.params) == searched:
            study.enqueue_trial(trial.params)


def _quieten(optuna: Any) -> None:
    # Heartbeats are marked experimental since 2021 and are what Optuna recommends for workers that may die.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
