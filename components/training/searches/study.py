"""Search what params.yaml names of a training with Optuna: pruned, resumable, over one or several processes.

    winner = search(workspace, problem, dataset, settings)
    found = settings.searched(winner.parameters)

The study lives in the workspace's Optuna database under a name that ends with its inputs' digest: the problem, the
dataset, the space and what a trial is. It goes on where it stopped, for more trials too; one that has them is read.
This process gives out its trials, one for each free worker; the caller holds the problem's lock.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from tqdm.auto import tqdm

from components.core import AssayError, LostWorkerError, ProblemSettings, Workers, Workspace, open_workers, value_digest
from components.fields import Dataset, Problem
from components.training.inputs import search_inputs, training_inputs
from components.training.searches.claims import give_up_dead
from components.training.searches.records import BY_CHANCE, PLACE, TrialRecord, best_first, ended_trials
from components.training.searches.space import first_values
from components.training.searches.storage import add_once, create_storage
from components.training.searches.trial import TrialTask, run_trial

__label__ = "search"

_LOOK_S = 1.0
"""How often it is looked whether a trial that another process runs has ended."""


@dataclass(frozen=True, kw_only=True)
class Winner:
    """What a study found."""

    study: str
    """Its name in the Optuna database."""
    trials: int
    """Trials that ended with a loss."""
    pruned: int
    random: int
    """Of all trials, those whose values were drawn by chance."""
    loss: float
    """Validation loss of the best trial."""
    parameters: dict[str, Any]
    """The best trial's values of the fields that were searched."""
    records: list[TrialRecord]
    """Every trial that has ended, failed ones too."""
    importances: dict[str, float]
    """How much of the losses' differences each field explains; empty where there are too few trials to say."""

    @property
    def best(self) -> list[TrialRecord]:
        """Those that were trained to their end, the best first."""
        return best_first(self.records)


def search(
    workspace: Workspace,
    problem: Problem,
    dataset: Dataset,
    settings: ProblemSettings,
    *,
    scheduler: str | None = None,
    on_trial: Callable[[TrialRecord], None] = lambda _: None,
) -> Winner:
    """Run what is missing of the study and return its best trial.

    Args:
        workspace: whose database.
        problem: what is trained for.
        dataset: the images.
        settings: the problem's; `search` has space and numbers.
        scheduler: address of a Dask scheduler whose workers run the trials, in place of this machine's.
        on_trial: called after each trial that ends now.

    Raises:
        AssayError: when no trial ended with a finite loss.
    """
    name = study_name(problem, dataset, settings)
    study = optuna.create_study(
        study_name=name, storage=create_storage(workspace), load_if_exists=True, direction="minimize"
    )
    _describe(study, problem, dataset, settings)
    task = TrialTask(workspace=workspace, problem=problem, data=dataset.folder, settings=settings, study=name)
    run_study(study, task, scheduler=scheduler, on_trial=on_trial)
    records = ended_trials(study, settings.search.trials)
    best = best_first(records)
    if not best:
        why = f" ({records[-1].why})" if records else ""
        raise AssayError(
            f"search {name}: no trial ended with a finite loss{why}: search smaller learning rates or other networks"
        )
    pruned = sum(record.state == "PRUNED" for record in records)
    return Winner(
        study=name,
        trials=len(best) + pruned,
        pruned=pruned,
        random=len({record.place for record in records if record.chosen_by == BY_CHANCE}),
        loss=float(best[0].loss or 0.0),
        parameters={name: best[0].parameters[name] for name in settings.search.space},
        records=records,
        importances=_importances(study, len(best)),
    )


def study_name(problem: Problem, dataset: Dataset, settings: ProblemSettings) -> str:
    """Name of the study of these inputs, such as `galaxy-shape, 16,384 images (9266170309ff)`."""
    searched = search_inputs(problem, settings)
    # More trials, of the very same kind, are the same study's.
    kind = {name: value for name, value in searched["settings"].items() if name != "trials"}
    inputs = {
        "data": dataset.digest,
        "search": {**searched, "settings": kind},
        "training": training_inputs(problem, settings),
    }
    return f"{problem.name}, {len(dataset.catalogue):,} images ({value_digest(inputs)[:12]})"


def run_study(
    study: optuna.Study,
    task: TrialTask,
    *,
    scheduler: str | None = None,
    on_trial: Callable[[TrialRecord], None] = lambda _: None,
) -> None:
    """Run what is missing of a study's trials; see `search`."""
    trials, known = task.settings.search.trials, set[int]()
    give_up_dead(study)
    if not _missing(study, trials):
        return
    with (
        tqdm(total=trials, desc="search", unit="trial", disable=None) as bar,
        open_workers(task.settings.search.workers, scheduler=scheduler) as workers,
    ):
        known |= {record.number for record in ended_trials(study, trials)}

        def look() -> None:
            give_up_dead(study)
            records = ended_trials(study, trials)
            for record in records:
                if record.number not in known:
                    known.add(record.number)
                    on_trial(record)
            bar.update(trials - _missing(study, trials) - bar.n)
            best = best_first(records)
            if best:
                bar.set_postfix(best=f"{best[0].loss:.3f}")

        look()
        while _missing(study, trials):
            _run_round(study, task, workers, look)
            if not _of(study, trials, TrialState.WAITING):  # what is missing runs elsewhere, or died there
                time.sleep(_LOOK_S if _missing(study, trials) else 0)
            look()


def _run_round(study: optuna.Study, task: TrialTask, workers: Workers, look: Callable[[], None]) -> None:
    """Give out trials until none is left to be given out."""
    given = set[int]()
    for done in workers.results(partial(run_trial, task), _waiting(study, task.settings, given)):
        try:
            done.result()
        except LostWorkerError:
            if study._storage.get_trial(done.argument).state == TrialState.WAITING:
                raise  # it is not the trial that ends workers
        given.discard(done.argument)
        look()


def _waiting(study: optuna.Study, settings: ProblemSettings, given: set[int]) -> Iterator[int]:
    """Trials to be run, the first place first; new ones while there are fewer than there are to be."""
    trials = settings.search.trials
    while True:
        waiting = [trial for trial in _of(study, trials, TrialState.WAITING) if trial._trial_id not in given]
        if waiting:
            chosen = min(waiting, key=lambda trial: int(trial.user_attrs[PLACE]))
            given.add(chosen._trial_id)
            yield chosen._trial_id
            continue
        begun = _places(study)
        place = next((place for place in range(trials) if place not in begun), None)
        if place is None:
            return
        add_once(partial(_enqueue, study, place, settings), partial(_is_begun, study, place))


def _enqueue(study: optuna.Study, place: int, settings: ProblemSettings) -> None:
    study.enqueue_trial({} if place else first_values(settings), user_attrs={PLACE: place})


def _is_begun(study: optuna.Study, place: int) -> bool:
    return place in _places(study)


def _places(study: optuna.Study) -> set[int]:
    return {trial.user_attrs[PLACE] for trial in study.get_trials(deepcopy=False)}


def _of(study: optuna.Study, trials: int, *states: TrialState) -> list[FrozenTrial]:
    found = study.get_trials(deepcopy=False, states=states)
    return [trial for trial in found if trial.user_attrs[PLACE] < trials]


def _missing(study: optuna.Study, trials: int) -> int:
    """How many places of a search have not ended."""
    open_places = {trial.user_attrs[PLACE] for trial in _of(study, trials, TrialState.WAITING, TrialState.RUNNING)}
    ended = {record.place for record in ended_trials(study, trials)}
    return trials - len(ended - open_places)


def _describe(study: optuna.Study, problem: Problem, dataset: Dataset, settings: ProblemSettings) -> None:
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
        if study.user_attrs.get(name) != value:
            study.set_user_attr(name, value)


def _importances(study: optuna.Study, complete: int) -> dict[str, float]:
    """By PED-ANOVA; nothing where there are too few trials or all are alike."""
    if complete < 2:
        return {}
    try:
        return {name: float(share) for name, share in optuna.importance.get_param_importances(study).items()}
    except (RuntimeError, ValueError):
        return {}
