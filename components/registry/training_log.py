"""A training as MLflow shows it while it runs: the run that its model will be registered in, one call an epoch.

    log = TrainingLog(workspace, problem, dataset, settings, source=read_source(workspace.root))
    folder = train(…, on_epoch=log.add)
    log.finish(read_description(folder)["history"])

The run is found again by the training's inputs, so a training that was killed goes on in it, and `finish` adds the
epochs whose call was lost. A model that is only found, not trained, begins none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from components.core import ProblemSettings, Source, Workspace, place_tag, settings_values
from components.fields import Dataset, Problem
from components.registry.registry import Registry
from components.registry.runs import PLACE_TAG, TRAINING_TAG, find_training, log_epochs, shown_params, shown_tags
from components.training import Epoch, training_inputs, training_key


class TrainingLog:
    """The MLflow run of one training.

    Args:
        workspace: whose MLflow.
        problem: what is trained for.
        dataset: the images.
        settings: the problem's; `train` has network and schedule.
        source: commit and state of the working tree.
    """

    def __init__(
        self, workspace: Workspace, problem: Problem, dataset: Dataset, settings: ProblemSettings, *, source: Source
    ) -> None:
        # As a model's description has it, by which its registration finds the run.
        key = training_key(problem, dataset, training_inputs(problem, settings))
        self._tags = {
            TRAINING_TAG: key,
            PLACE_TAG: place_tag(workspace),
            "data.digest": dataset.digest,
            "git.commit": source.commit,
            "git.dirty": str(source.dirty).lower(),
        }
        self._name, self._train = f"{problem.name}-{settings.train.network}-{key[:8]}", settings.train
        registry = Registry(workspace)
        registry.create()
        self._client, self._experiment = registry.experiment(problem)
        found = find_training(self._client, self._experiment, key, self._tags[PLACE_TAG])
        self._run = None if found is None else str(found.info.run_id)
        self._open = found is not None and found.info.status == "RUNNING"

    def add(self, epoch: Epoch) -> None:
        """Log an epoch."""
        log_epochs(self._client, self._begun(), [asdict(epoch)])

    def finish(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Log what is missing of a whole history and end the run, where one was begun."""
        if self._run is None or not self._open:
            return
        log_epochs(self._client, self._run, history)
        self._client.set_terminated(self._run)

    def _begun(self) -> str:
        if self._run is None:
            created = self._client.create_run(self._experiment, run_name=self._name, tags=shown_tags(self._tags))
            self._run, self._open = str(created.info.run_id), True
            values = {f"train.{name}": value for name, value in settings_values(self._train).items()}
            self._client.log_batch(self._run, params=shown_params(values))
        return self._run
