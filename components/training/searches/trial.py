"""One trial, in whatever process it runs: claimed, trained for a few epochs, and told how it ended.

    run_trial(TrialTask(workspace=workspace, problem=problem, data=dataset.folder, settings=settings, study=name), 7)

A trial that was given up meanwhile ends without a word: its parameters are another one's by then. Memory that does not
suffice fails a trial alone, and nothing as large is tried again.
"""

import math
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import optuna
import torch
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import _filter_study
from optuna.storages._heartbeat import get_heartbeat_thread
from optuna.trial import TrialState

from components.core import AssayError, KnownDigests, ProblemSettings, Workspace, read_source, variable
from components.fields import Dataset, Problem
from components.training.searches.claims import MEMORY, OUT_OF_MEMORY, WHY, claim
from components.training.searches.records import (
    BY_CHANCE,
    CHOSEN,
    COMMIT,
    DATA,
    DEVICE,
    EPOCHS,
    IMAGES,
    PLACE,
    SECONDS,
    SEED,
)
from components.training.searches.space import (
    TOO_LARGE,
    known_too_large,
    make_pruner,
    make_sampler,
    memory_of,
    seed_of,
    startup_trials,
    suggest,
)
from components.training.searches.storage import create_storage
from components.training.trainer import Trainer
from models.devices import device_name

__label__ = "search_trial"


class TooLargeError(Exception):
    """What needs more memory than there was for less."""


def train_trial(trial: optuna.Trial, task: "TrialTask") -> float:
    """Train with what is suggested, for the search's epochs; the validation loss after the last."""
    search = task.settings.search
    found = task.settings.searched(suggest(trial, task.settings))
    trial.set_user_attr(MEMORY, memory_of(found.train))
    too_large = known_too_large(trial.study, found.train)
    if too_large is not None:
        raise TooLargeError(f"as large as what was {OUT_OF_MEMORY}: {too_large}")
    dataset = Dataset.open(task.data, KnownDigests(folder=task.workspace.digests))
    tried = replace(found, train=replace(found.train, epochs=search.epochs, processes=1))
    trainer = Trainer(task.problem, dataset, tried, images_per_epoch=search.images_per_epoch)
    trial.set_user_attr(DEVICE, _named(trainer.device))
    trial.set_user_attr(DATA, dataset.digest)
    loss = float("nan")
    for epoch in trainer:
        loss = epoch.validation_loss
        trial.report(loss, epoch.number)
        trial.set_user_attr(EPOCHS, epoch.number)
        trial.set_user_attr(IMAGES, epoch.number * trainer.batches.steps * trainer.batches.batch_size)
        if trial.should_prune():
            below = "the median of the trials before" if search.pruner == "median" else "the best third at that length"
            trial.set_user_attr(WHY, f"validation loss {loss:.4g} after epoch {epoch.number} is above {below}")
            raise optuna.TrialPruned
    return loss


@dataclass(frozen=True, kw_only=True)
class TrialTask:
    """What every trial of a search needs to know."""

    workspace: Workspace
    problem: Problem
    data: Path
    """The dataset's folder."""
    settings: ProblemSettings
    study: str
    objective: "Callable[[optuna.Trial, TrialTask], float]" = train_trial
    """What a trial does; its validation loss comes back."""


def run_trial(task: TrialTask, trial_id: int) -> None:
    """Run a waiting trial to its end; nothing happens when it waits no longer.

    Raises:
        AssayError: when this process does not find the study.
    """
    storage, search = create_storage(task.workspace), task.settings.search
    try:
        place = int(storage.get_trial(trial_id).user_attrs[PLACE])
        study = optuna.load_study(
            study_name=task.study, storage=storage, sampler=make_sampler(search, place), pruner=make_pruner(search)
        )
    except KeyError as error:
        raise AssayError(
            f"a worker on {socket.gethostname()} finds no search {task.study} in its database",
            "set ASSAY_OPTUNA_URL there to the one that is used here",
        ) from error
    trial = claim(study, trial_id, task.workspace.home)
    if trial is None:
        return
    begun = time.monotonic()
    try:
        trial.set_user_attr(COMMIT, _commit(task.workspace.root))  # a study may go on at another
        trial.set_user_attr(SEED, seed_of(search, place))
        trial.set_user_attr(CHOSEN, _chosen_by(study, trial, task, place))
        with get_heartbeat_thread(trial_id, storage):
            state, loss = _measured(trial, task)
        trial.set_user_attr(SECONDS, time.monotonic() - begun)
        study.tell(trial, loss, state, skip_if_finished=True)
    except UpdateFinishedTrialError:  # it was given up: this process seemed dead
        return


@lru_cache(maxsize=1)
def _commit(root: Path) -> str:
    """The commit of this process's code, asked for once: git takes longer than Optuna."""
    return read_source(root).commit


def _measured(trial: optuna.Trial, task: TrialTask) -> tuple[TrialState, float | None]:
    """How a trial ended, and its loss where it was trained to its end."""
    try:
        loss = task.objective(trial, task)
    except optuna.TrialPruned:
        return TrialState.PRUNED, None
    except TooLargeError as error:
        trial.set_user_attr(WHY, str(error))
        return TrialState.FAIL, None
    except UpdateFinishedTrialError:
        raise
    except BaseException as error:
        if not _is_out_of_memory(error):
            trial.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)  # to be tried again another time
            raise
        trial.set_user_attr(TOO_LARGE, trial.user_attrs.get(MEMORY))
        trial.set_user_attr(WHY, f"{OUT_OF_MEMORY}: {' '.join(str(error).split())[:200]}")
        return TrialState.FAIL, None
    if not math.isfinite(loss):
        trial.set_user_attr(WHY, f"validation loss {loss}")
        return TrialState.FAIL, None
    return TrialState.COMPLETE, loss


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU's memory did not suffice, or the processor's, which torch says in a RuntimeError of no kind."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _chosen_by(study: optuna.Study, trial: optuna.Trial, task: TrialTask, place: int) -> str:
    """Who chooses its values; of one that is run again, who did."""
    if CHOSEN in trial.user_attrs:
        return str(trial.user_attrs[CHOSEN])
    if place == 0:
        return "params.yaml"
    frozen = study._storage.get_trial(trial._trial_id)
    # As the sampler counts them: Hyperband's trials learn from their own bracket alone.
    ended = _filter_study(study, frozen).get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return BY_CHANCE if len(ended) < startup_trials(task.settings.search) else "TPE"


def _named(device: torch.device) -> str:
    """A device as its user knows it: what it is, which of the machine's, and on which machine."""
    kind = device_name(device)
    seen = variable("CUDA_VISIBLE_DEVICES")
    return f"{kind}{f' {seen}' if seen else ''} of {socket.gethostname()}"
