"""A training as MLflow shows it while it runs: one run of its own, one call an epoch.

    log = TrainingLog(workspace, problem, dataset, settings, train)
    folder = train(…, on_epoch=log.add)
    log.finish(read_description(folder)["history"])

The run is found again by the training's inputs, so a training that was killed goes on in it, and `finish` adds the
epochs whose call was lost. The registered version has its own run, tagged with the same key.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from components.core import ProblemSettings, Workspace, settings_values, value_digest
from components.fields import Dataset, Problem
from components.registry.registry import Registry
from components.training import Epoch, training_inputs

if TYPE_CHECKING:
    from mlflow.entities import Metric

_TAG = "training.inputs"


class TrainingLog:
    """The MLflow run of one training.

    Args:
        workspace: whose MLflow.
        problem: what is trained for.
        dataset: the images.
        settings: the problem's; `train` has network and schedule.
    """

    def __init__(self, workspace: Workspace, problem: Problem, dataset: Dataset, settings: ProblemSettings) -> None:
        train, registry = settings.train, Registry(workspace)
        registry.create()
        self._client, experiment = registry.experiment(problem)
        key = value_digest({"data": dataset.digest, **training_inputs(problem, settings)})
        known = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{key}'", max_results=1)
        if known:
            self._run = str(known[0].info.run_id)
            return
        created = self._client.create_run(experiment, run_name=f"train-{train.network}-{key[:8]}", tags={_TAG: key})
        self._run = str(created.info.run_id)
        from mlflow.entities import Param

        params = [Param(f"train.{name}", str(value)) for name, value in settings_values(train).items()]
        self._client.log_batch(self._run, params=params)

    def add(self, epoch: Epoch) -> None:
        """Log an epoch."""
        self._client.log_batch(self._run, metrics=_metrics(asdict(epoch)))

    def finish(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Log what is missing of a whole history and end the run."""
        logged = {metric.step for metric in self._client.get_metric_history(self._run, "validation_loss")}
        missing = [metric for epoch in history if epoch["number"] not in logged for metric in _metrics(epoch)]
        for start in range(0, len(missing), 1000):
            self._client.log_batch(self._run, metrics=missing[start : start + 1000])
        self._client.set_terminated(self._run)


def _metrics(epoch: Mapping[str, Any]) -> "list[Metric]":
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(name, float(value), now, epoch["number"]) for name, value in epoch.items() if name != "number"]
