"""Which trial is whose: claimed once, in the database; given up when its process has died, and queued again.

    trial = claim(study, trial_id, workspace.home)        # None when somebody else has it
    give_up_dead(study)                                   # by heartbeats, and at once where this machine ran it

Starting a search fails nobody's running trial. Only whoever gives out a study's trials calls `give_up_dead`.
"""

import copy
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import psutil
from filelock import FileLock
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from components.training.searches.space import TOO_LARGE
from components.training.searches.storage import RETRIES, add_once

__label__ = None

_PROCESS, _KILLS, MEMORY = "process", "kills for memory", "memory"
WHY = "why"
"""Attribute of a failed trial that says so itself; one without it died."""
OUT_OF_MEMORY = "out of memory"


def claim(study: optuna.Study, trial_id: int, home: Path) -> optuna.Trial | None:
    """Begin a waiting trial; None when it waits no longer.

    Args:
        study: whose trial it is.
        trial_id: of the database.
        home: the state folder, for a lock: SQLite lets two processes begin the same trial at once.
    """
    storage = study._storage
    lock = home / "locks" / "trials.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))  # which Optuna keeps an index of
        if trial_id not in {trial._trial_id for trial in waiting}:
            return None
        # First: one without a heartbeat would never be known to be dead.
        storage.record_heartbeat(trial_id)  # type: ignore[attr-defined]
        try:
            if not storage.set_trial_state_values(trial_id, TrialState.RUNNING):
                return None
        except UpdateFinishedTrialError:
            return None
    trial = optuna.trial.Trial(study, trial_id)
    trial.set_user_attr(_PROCESS, [trial.number, *_this_process()])
    trial.set_user_attr(_KILLS, _kills_for_memory())
    return trial


def give_up_dead(study: optuna.Study) -> None:
    """Fail the trials whose processes are dead, and queue their parameters again, three times at most."""
    with suppress(StorageInternalError):  # its server went away meanwhile: what was failed is queued below
        fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _has_died(trial):
            _fail(study, trial)
    # Also what was failed by somebody who died before it was queued.
    retried = _retried(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.FAIL,)):
        begun = len(RetryHeartbeatStaleTrialCallback.retry_history(trial))
        if WHY not in trial.user_attrs and trial.number not in retried and begun < RETRIES:
            add_once(partial(_queue_again, study, trial), partial(_was_retried, study, trial))


def _queue_again(study: optuna.Study, trial: FrozenTrial) -> None:
    RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)(study, copy.deepcopy(trial))


def _was_retried(study: optuna.Study, trial: FrozenTrial) -> bool:
    return trial.number in _retried(study)


def _retried(study: optuna.Study) -> set[int]:
    """Numbers of the trials that others repeat."""
    trials = study.get_trials(deepcopy=False)
    return {number for trial in trials for number in RetryHeartbeatStaleTrialCallback.retry_history(trial)}


def _fail(study: optuna.Study, trial: FrozenTrial) -> None:
    storage = study._storage
    try:
        if (_kills_for_memory() or 0) > (trial.user_attrs.get(_KILLS) or 0):
            storage.set_trial_user_attr(trial._trial_id, TOO_LARGE, trial.user_attrs.get(MEMORY))
            storage.set_trial_user_attr(trial._trial_id, WHY, f"{OUT_OF_MEMORY}: the kernel ended its process")
        storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:  # it ended just now
        return


def _has_died(trial: FrozenTrial) -> bool:
    """Whether the process that runs a trial was this machine's and is no more."""
    number, where, process, begun = trial.user_attrs.get(_PROCESS) or (None, None, 0, 0.0)
    if number != trial.number or where != _this_process()[0]:  # of the trial that this one repeats; another machine's
        return False
    try:
        found = psutil.Process(process)
        return bool(found.create_time() != begun or found.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _this_process() -> tuple[str, int, float]:
    """Where process numbers count, which containers have to themselves; this one's, and when it began."""
    places = [Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")]
    where = [
        str(place.readlink()) if place.is_symlink() else place.read_text().strip() for place in places if place.exists()
    ]
    return "/".join(where) or f"{os.uname().nodename} {psutil.boot_time()}", os.getpid(), psutil.Process().create_time()


def _kills_for_memory(events: Path = Path("/proc/vmstat")) -> int | None:
    """How many processes this machine's kernel has ended because memory was full."""
    if not events.exists():
        return None
    counts: dict[str, Any] = dict(line.split(" ", 1) for line in events.read_text().splitlines())
    return int(counts.get("oom_kill", 0))
