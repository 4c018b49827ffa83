"""A search over workers: what they cost beside a plain Optuna loop, and what a hundred cost the database.

python -m benchmarks search              # trials that sleep 20 s: what is measured is everything else
ASSAY_TEST_POSTGRESQL_URL=… python -m benchmarks search      # the hundred on that PostgreSQL, not on SQLite

Its parts are the search's own, but for what a trial does. A trial that computes takes its time on a core of its own, as
one that sleeps does; so the figures hold where each worker has a core or a GPU.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import optuna

from components.core import Workspace, load_settings
from components.core.workers import _Dask
from components.problems import find_problem
from components.training.searches import study as searching
from components.training.searches.records import ended_trials
from components.training.searches.storage import create_storage
from components.training.searches.study import run_study
from components.training.searches.trial import TrialTask

HOUSE = Path(__file__).parents[1]
_SECONDS, _TRIALS, _WORKERS = 20.0, 8, 2
_MANY, _MANY_SECONDS = 100, 30.0
_EPOCHS = 4
_LENGTH = "ASSAY_BENCHMARK_TRIAL_S"


def sleeping(trial: optuna.Trial, task: TrialTask) -> float:  # noqa: ARG001 - as trials are called
    """A trial of four epochs in which nothing is computed."""
    rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
    for epoch in range(1, _EPOCHS + 1):
        time.sleep(float(os.environ[_LENGTH]) / _EPOCHS)
        trial.report(rate, epoch)
        trial.should_prune()
    return rate


def main() -> None:
    """Print the wall times and their ratios."""
    with _length(_SECONDS), tempfile.TemporaryDirectory() as folder:
        plain = _plain_loop(Path(folder))
        here, of_here = _search(_task(Path(folder) / "one", 2, 1))
        over, of_over = _search(_task(Path(folder) / "two", _TRIALS, _WORKERS))
    print(f"plain Optuna, one process: {plain / 2:.2f} s a trial of {_SECONDS:g} s")
    print(f"one worker, this process: {here / 2:.2f} s a trial (the trials themselves {of_here / 2:.2f} s)")
    ideal = of_over / _WORKERS
    print(
        f"{_WORKERS} workers: {over:.1f} s for {of_over:.1f} s of trials, {over / ideal:.3f} of the ideal {ideal:.1f} s"
    )
    print(
        f"  a plain loop would have taken {plain / 2 * _TRIALS:.0f} s: {plain / 2 * _TRIALS / over:.2f} times as fast"
    )
    _hundred()


def _hundred() -> None:
    """What the database has to do for a hundred trials that run at the same time."""
    server = os.environ.get("ASSAY_TEST_POSTGRESQL_URL")
    named = {} if server is None else {"ASSAY_OPTUNA_URL": server}
    with _length(_MANY_SECONDS), tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, named):
        task = replace(_task(Path(folder), _MANY, _MANY), study=f"hundred {time.time():.0f}")
        statements, spent = _counted(create_storage(task.workspace))
        with mock.patch.object(searching, "open_workers", _threads):
            wall, _ = _search(task)
    kind = "SQLite" if server is None else "PostgreSQL"
    each, cost = len(statements) / _MANY, sum(spent) / _MANY * 1000
    print(f"{_MANY} workers on {kind}, trials of {_MANY_SECONDS:g} s: {wall:.1f} s in all")
    print(f"  the database: {each:.0f} statements and {cost:.0f} ms a trial; all hundred are threads of one process")


@contextmanager
def _threads(number: int, *, scheduler: str | None = None) -> Iterator[_Dask]:  # noqa: ARG001 - as workers are opened
    """A hundred workers of Dask as threads of this process: their memory would be a hundred times torch's."""
    from distributed import LocalCluster

    # A hundredth of the memory each would be less than this process has: they would wait for ever.
    quiet = {"dashboard_address": None, "memory_limit": None}
    with LocalCluster(n_workers=number, threads_per_worker=1, processes=False, **quiet) as cluster:
        yield _Dask(cluster.get_client)


def _counted(storage: optuna.storages.RDBStorage) -> tuple[list[None], list[float]]:
    """A list that grows by one with each statement, and one of the seconds that each took."""
    from sqlalchemy import event

    statements, spent, begun = list[None](), list[float](), dict[int, float]()

    @event.listens_for(storage.engine, "before_cursor_execute")
    def before(_c: object, cursor: object, *_: object) -> None:
        begun[id(cursor)] = time.perf_counter()

    @event.listens_for(storage.engine, "after_cursor_execute")
    def after(_c: object, cursor: object, *_: object) -> None:
        statements.append(None)
        spent.append(time.perf_counter() - begun.pop(id(cursor)))

    return statements, spent


def _plain_loop(folder: Path) -> float:
    """Two trials as Optuna's own documentation runs them."""
    task = _task(folder, 2, 1)
    study = optuna.create_study(storage=f"sqlite:///{folder}/plain.db", pruner=optuna.pruners.MedianPruner())
    start = time.perf_counter()
    study.optimize(lambda trial: sleeping(trial, task), n_trials=2)
    return time.perf_counter() - start


def _search(task: TrialTask) -> tuple[float, float]:
    """Wall time of a whole search in seconds, and what its trials took together."""
    study = optuna.create_study(study_name=task.study, storage=create_storage(task.workspace))
    start = time.perf_counter()
    run_study(study, task)
    wall = time.perf_counter() - start
    return wall, sum(record.seconds for record in ended_trials(study, task.settings.search.trials))


def _task(home: Path, trials: int, workers: int) -> TrialTask:
    problem = find_problem("galaxy-shape")
    chosen = {"search": {"trials": trials, "workers": workers}}
    settings = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, overrides=chosen)
    workspace = Workspace(root=HOUSE, home=home)
    return TrialTask(
        workspace=workspace, problem=problem, data=home, settings=settings, study="sleep", objective=sleeping
    )


@contextmanager
def _length(seconds: float) -> Iterator[None]:
    with mock.patch.dict(os.environ, {_LENGTH: str(seconds)}):
        yield


if __name__ == "__main__":
    main()
