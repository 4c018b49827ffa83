"""A search with its records: the study, an MLflow run for each trial, the picture, and a line for each of the best.

winner = search(job, dataset)
for line in best_lines(winner):
    console.out.print(line)
"""

from typing import TYPE_CHECKING, Any

from components.core import dask_url
from flows.job import Job

if TYPE_CHECKING:
    from components.fields import Dataset
    from components.training import TrialRecord, Winner

_SHOWN = 5
"""Trials that get a line."""


def search(job: Job, dataset: "Dataset", *, scheduler: str | None = None) -> "Winner":
    """Run what is missing of the problem's search and log it.

    Args:
        job: problem and settings.
        dataset: the images.
        scheduler: address of a Dask scheduler; ASSAY_DASK_URL's by default.
    """
    from components.registry import SearchLog
    from components.training import search, study_name

    log = SearchLog(job.workspace, job.problem, study_name(job.problem, dataset, job.settings))
    winner = search(
        job.workspace,
        job.problem,
        dataset,
        job.settings,
        scheduler=scheduler or dask_url(),
        on_trial=log.add,
    )
    log.finish(winner.records, lambda: _picture(winner))
    return winner


def shown(parameters: dict[str, object]) -> str:
    """Values in a line."""
    return ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in parameters.items()
    )


def counted(winner: "Winner") -> str:
    """How many trials there were, of which kinds."""
    return f"{winner.trials} trials, {winner.random} random, {winner.pruned} pruned"


def best_lines(winner: "Winner") -> list[str]:
    """A line for each of the best trials."""
    return [_line(place, trial) for place, trial in enumerate(winner.best[:_SHOWN], start=1)]


def _line(place: int, trial: "TrialRecord") -> str:
    said = f"{shown(trial.parameters)}, chosen by {trial.chosen_by}, {trial.seconds:.0f} s on {trial.device}"
    return f"{place}. validation loss {trial.loss:.3f}, trial {trial.number}: {said}"


def _picture(winner: "Winner") -> Any:
    """A figure of Matplotlib."""
    import pandas as pd

    from components.evidence import plot_search

    rows = [
        {"loss": float("nan") if trial.loss is None else trial.loss, "pruned": trial.state == "PRUNED"}
        for trial in winner.records
    ]
    return plot_search(pd.DataFrame(rows), winner.importances, title=winner.study)
