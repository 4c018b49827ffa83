"""A search as MLflow shows it: a run, and within it one for each trial, with its seed, data, commit, device and cost.

    log = SearchLog(workspace, problem, study_name)
    search(…, on_trial=log.add)
    log.finish(records, picture)

Runs are found again by the study's name, so a search that was killed goes on in its own, and `finish` adds the trials
whose call was lost. A search that is only read begins none, and of one that is whole nothing is asked but that.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from components.core import Workspace, place_tag
from components.fields import Problem
from components.registry.registry import Registry
from components.registry.runs import PLACE_TAG, shown_params, shown_tags
from components.training import TrialRecord

SEARCH_TAG = "search.study"
"""The tag of a search's run, and of its trials', that names the Optuna study."""
_TRIAL_TAG, _PARENT_TAG, _LOGGED_TAG = "search.trial", "mlflow.parentRunId", "search.trials"
_PICTURE = "search.png"


class SearchLog:
    """The MLflow run of one search.

    Args:
        workspace: whose MLflow.
        problem: what is searched for.
        study: name of the Optuna study.
    """

    def __init__(self, workspace: Workspace, problem: Problem, study: str) -> None:
        self._tags = {SEARCH_TAG: study, PLACE_TAG: place_tag(workspace)}
        self._name = f"search {study}"
        registry = Registry(workspace)
        registry.create()
        self._client, self._experiment = registry.experiment(problem)
        ours = " AND ".join(f"tags.`{name}` = '{value}'" for name, value in self._tags.items())
        found = self._client.search_runs([self._experiment], ours, max_results=50_000)
        trials = [run for run in found if _TRIAL_TAG in run.data.tags]
        for run in trials:
            if run.info.status == "RUNNING":  # whoever logged it was killed at that
                self._client.delete_run(run.info.run_id)
        self._known = {run.data.tags[_TRIAL_TAG] for run in trials if run.info.status != "RUNNING"}
        searches = [run for run in found if _TRIAL_TAG not in run.data.tags]
        self._run = str(searches[0].info.run_id) if searches else None
        self._logged = searches[0].data.tags.get(_LOGGED_TAG) if searches else None

    def add(self, trial: TrialRecord) -> None:
        """Log a trial that has ended, once."""
        from mlflow.entities import Metric

        if str(trial.number) in self._known:
            return
        tags = {
            **self._tags,
            _PARENT_TAG: self._begun(),
            _TRIAL_TAG: str(trial.number),
            "search.place": str(trial.place),
            "search.state": trial.state,
            "search.chosen_by": trial.chosen_by,
            "search.why": trial.why,
            "data.digest": trial.data,
            "git.commit": trial.commit,
            "device": trial.device,
        }
        run = self._client.create_run(self._experiment, run_name=f"trial {trial.number}", tags=shown_tags(tags))
        now, run_id = int(time.time() * 1000), str(run.info.run_id)
        metrics = [Metric("validation_loss", loss, now, epoch) for epoch, loss in trial.losses.items()]
        cost = [Metric("seconds", trial.seconds, now, 0), Metric("images", trial.images, now, 0)]
        params = {**{f"train.{name}": value for name, value in trial.parameters.items()}, "search.seed": trial.seed}
        self._client.log_batch(run_id, metrics=[*metrics, *cost], params=shown_params(params))
        self._client.set_terminated(run_id, "FAILED" if trial.state == "FAIL" else "FINISHED")
        self._known.add(str(trial.number))

    def finish(self, trials: Sequence[TrialRecord], draw: Callable[[], Any]) -> None:
        """Log what is missing, and the picture, where trials have ended since the last time.

        Args:
            trials: all that have ended.
            draw: makes the picture, a figure of Matplotlib.
        """
        if self._logged == str(len(trials)):
            return
        for trial in trials:
            self.add(trial)
        run = self._begun()
        self._client.log_figure(run, draw(), _PICTURE)
        best = min(
            (trial.loss for trial in trials if trial.state == "COMPLETE" and trial.loss is not None), default=None
        )
        if best is not None:
            self._client.log_metric(run, "validation_loss", best)
        self._client.log_metric(run, "seconds", sum(trial.seconds for trial in trials))
        self._client.set_terminated(run)
        self._client.set_tag(run, _LOGGED_TAG, str(len(trials)))  # last: a killed call is repeated

    def _begun(self) -> str:
        if self._run is None:
            created = self._client.create_run(self._experiment, run_name=self._name, tags=shown_tags(self._tags))
            self._run = str(created.info.run_id)
        return self._run
