"""The model registry: MLflow, met in this wing only.

    registry = Registry(workspace)
    registry.create()
    version = registry.register(problem, model_folder, evaluation_folder, tags=tags, params=params, metrics=metrics,
                                dataset=dataset, input_example=batch)
    folder = registry.model_folder("galaxy-shape", version)

A version is one network: the same weights are found, whatever they were evaluated on since. MLflow's own interface and
client show all of it: experiment and registered model carry the problem's name, aliases mirror the ledger.
"""

import json
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import RefusedError, file_sha256, place_tag
from components.ledger import Entry, open_ledger
from components.registry.changed_by_hand import PROBLEM_TAG, bring_back, find_experiment
from components.registry.files import LOGGED, fetched, logged_digest, verified_description
from components.registry.mirror import Difference, differences, repair
from components.registry.owner import OWNER
from components.registry.runs import (
    PLACE_TAG,
    TRAINING_TAG,
    WEIGHTS_TAG,
    DatasetSource,
    RunRecord,
    delete_run,
    find_training,
    log_run,
)
from components.registry.version_files import VersionFiles
from components.registry.versions import METRIC_TAG, VersionInfo, search_versions

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient

    from components.fields import Metric, Problem

_VERSIONS = "mlflow.modelVersions"
"""The tag of a logged model by which MLflow's pages know that it is registered; `mlflow.register_model` sets it."""

_LOGGED_MODEL = "models:/"
"""How addresses of logged models begin, by which versions name theirs."""

__all__ = ["DatasetSource", "Registry", "VersionInfo"]


class Registry(VersionFiles):
    """The registry of one workspace, or of the server or database that MLFLOW_TRACKING_URI names."""

    def create(self) -> None:
        """Make MLflow's database, once, before anything else touches it; at once when it is there."""
        with self._locked("create"):
            self._mlflow.create()

    def register(
        self,
        problem: "Problem",
        model_folder: Path,
        evaluation_folder: Path,
        *,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        metrics: Mapping[str, "Metric"],
        dataset: DatasetSource,
        input_example: "Mapping[str, np.ndarray[Any, Any]]",
        headline: Collection[str] = (),
    ) -> int:
        """Register a trained and evaluated network, once: what is registered already is found, not repeated.

        Everything is logged to the training's run first and the version comes last, with its tags, in one transaction.
        So a run that has a model's tags and no version is one that was killed, or that another machine is at; one of
        this state folder is deleted, with its files, and made anew. Weights that were registered before keep their
        number, and with it every verdict on them, whatever the evidence is now.

        Args:
            problem: what the network is for.
            model_folder: as `models.estimators.saved.save_model` wrote it.
            evaluation_folder: tables and plots of the evidence; logged whole.
            tags: of the run and the version, `weights.sha256` and `evidence.digest` among them.
            params: what the network was made with.
            metrics: the evidence's numbers, logged as a table with their intervals.
            dataset: what the evidence was gathered on.
            input_example: float32 arrays by the name of the model's inputs, batch first.
            headline: names of the metrics that lists of versions and MLflow's own charts show.

        Returns:
            The version.

        Raises:
            IntegrityError: when the model is damaged or not the one that the tags name.
        """
        from models.descriptions import DESCRIPTION
        from models.estimators import load_model

        weights = tags[WEIGHTS_TAG]
        description = verified_description(model_folder, {WEIGHTS_TAG: weights}, problem.name)
        estimator, _ = load_model(model_folder)
        record = RunRecord(
            name=f"{problem.name}-{weights[:8]}",
            tags={**tags, PLACE_TAG: place_tag(self._workspace)},
            params=params,
            metrics=metrics,
            headline=headline,
            history=description.get("history", ()),
            dataset=dataset,
            model_folder=model_folder,
            evaluation_folder=evaluation_folder,
            inputs=estimator.inputs,
            outputs=estimator.outputs,
            input_example=input_example,
        )
        with self._locked(problem.name), self._mlflow.one_line():
            known = self.find(problem.name, weights)
            if known is not None:
                self._show_known(problem.name, str(known))
                return known
            client, experiment = self.experiment(problem)
            unfinished = f"tags.`{WEIGHTS_TAG}` = '{weights}' AND tags.`{PLACE_TAG}` = '{record.tags[PLACE_TAG]}'"
            for run in client.search_runs([experiment], unfinished):
                delete_run(client, run, self._mlflow.check_owned)
            training = find_training(client, experiment, tags.get(TRAINING_TAG, ""), record.tags[PLACE_TAG])
            if training is not None and WEIGHTS_TAG in training.data.tags:
                training = None  # that of other weights: float32 is not the same on every machine
            run_id, model_id = log_run(client, experiment, record, training=training)
            with fetched(client.get_logged_model(model_id).artifact_location, self._home) as folder:
                logged = logged_digest(folder)
            own = {
                LOGGED: logged,
                "description.sha256": file_sha256(model_folder / DESCRIPTION),
                **{METRIC_TAG + name: repr(float(metrics[name].value)) for name in headline},
            }
            created = client.create_model_version(
                problem.name, f"{_LOGGED_MODEL}{model_id}", run_id, tags={**tags, **own}, model_id=model_id
            )
            _show_registered(client, problem.name, str(created.version), model_id)
            return int(created.version)

    def delete(self, problem: str, version: int) -> None:
        """Delete a version with its run and its files; one that is gone already is no error.

        Raises:
            RefusedError: when an alias points at it.
        """
        pointing = [name for name, number in self.aliases(problem).items() if number == version]
        if pointing:
            raise RefusedError(f"{problem} version {version} has the alias {pointing[0]}: it is not deleted")
        with self._of(problem) as client:
            for found in search_versions(client, f"name = '{problem}' AND version_number = {version}"):
                # The run first: killed in between, the version is still there to be deleted by the next call.
                if len(search_versions(client, f"run_id = '{found.run_id}'")) == 1:  # nobody else's
                    delete_run(client, client.get_run(str(found.run_id)), self._mlflow.check_owned)
                client.delete_model_version(problem, str(version))

    def mirror(
        self,
        problem: str,
        stages: Mapping[int, Entry],
        lineage: Mapping[int, Mapping[str, str]],
        *,
        only: Collection[int] | None = None,
    ) -> list[Difference]:
        """Make aliases, tags and descriptions say what the ledger says; see `components/registry/mirror.py`.

        Args:
            problem: the registered model's name.
            stages: the entry that put each version where it is, as `Ledger.current` gives them.
            lineage: the tags that each was registered with, as `registered_tags` gives them.
            only: the versions whose tags are looked at; all of them by default.

        Returns:
            What was not so.
        """
        with self._reading(problem) as mlflow:
            found = differences(mlflow, problem, stages, lineage, owner=self._identity, only=only)
        if found:
            with self._of(problem) as client:
                repair(client, problem, found)
        return found

    def experiment(self, problem: "Problem") -> "tuple[MlflowClient, str]":
        """MLflow's client and the problem's experiment; it and the registered model are made when not there."""
        tags = {PROBLEM_TAG: problem.name}
        with self._of(problem.name) as client:
            if not client.search_registered_models(f"name = '{problem.name}'"):
                client.create_registered_model(
                    problem.name, tags={**tags, OWNER: self._identity}, description=_about(problem)
                )
            known = find_experiment(client, problem.name)
            if known is not None:
                return client, str(known.experiment_id)
            folder = self._mlflow.artifact_folder(problem.name)
            return client, str(client.create_experiment(problem.name, artifact_location=folder, tags=tags))

    def bring_back(self, problem: str) -> list[str]:
        """Restore what was deleted on MLflow's pages, and say what; see `components/registry/changed_by_hand.py`."""
        with self._of(problem) as client:
            return bring_back(client, problem)

    def _show_known(self, problem: str, version: str) -> None:
        """What a kill may have kept from being shown; a logged model that somebody deleted shows nothing."""
        client = self._mlflow.client()
        from mlflow.exceptions import MlflowException

        with suppress(MlflowException):
            source = str(client.get_model_version(problem, version).source)
            _show_registered(client, problem, version, source.removeprefix(_LOGGED_MODEL))

    @property
    def _identity(self) -> str:
        return open_ledger(self._workspace).identity

    def _locked(self, name: str) -> AbstractContextManager[object]:
        """One process at a time: a second one would take the first one's unfinished run for a dead one."""
        return self._workspace.shared_lock(f"registry-{name}.lock")


def _about(problem: "Problem") -> str:
    """What MLflow's page of a registered model says."""
    about, name = (type(problem).__doc__ or problem.name).splitlines()[0], problem.name
    return (
        f"{about}\n\n`assay serve {name}` answers with the version in production, "
        f'`mlflow.pyfunc.load_model("models:/{name}@production")` loads it. `assay history {name}` says who decided '
        f"what, `assay trace {name} VERSION` what a version was made of. The ledger decides, aliases and tags follow: "
        f"`assay promote {name} VERSION --to STAGE` changes them."
    )


def _show_registered(client: "MlflowClient", problem: str, version: str, model_id: str) -> None:
    """Have the page of a version's logged model say that it is registered, as `mlflow.register_model` does."""
    if _VERSIONS not in client.get_logged_model(model_id).tags:
        client.set_logged_model_tags(model_id, {_VERSIONS: json.dumps([{"name": problem, "version": version}])})
