"""The model registry: MLflow, met in this wing only.

    registry = Registry(workspace)
    registry.create()
    version = registry.register(problem, model_folder, evaluation_folder, tags=tags, params=params, metrics=metrics,
                                dataset=dataset, input_example=batch)
    folder = registry.model_folder("galaxy-shape", version)

A version is one pair of `weights.sha256` and `evidence.digest`. MLflow's own interface and client show all of it:
experiment and registered model carry the problem's name, aliases mirror the ledger.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from components.core import AssayError, IntegrityError, RefusedError, Workspace, file_sha256
from components.ledger import HEAD, Entry
from components.registry.changed_by_hand import PROBLEM_TAG, bring_back, check_name, find_experiment
from components.registry.connection import Connection, artifact_root
from components.registry.files import LOGGED, fetched, local_folder, logged_digest, verified_description
from components.registry.mirror import Difference, differences, repair
from components.registry.runs import DatasetSource, RunRecord, delete_run, log_run
from components.registry.versions import METRIC_TAG, VersionInfo, find_version, search_versions, version_info

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

    from components.fields import Metric, Problem

__all__ = ["DatasetSource", "Registry", "VersionInfo"]


class Registry:
    """The registry of one workspace, or of the server or database that MLFLOW_TRACKING_URI names.

    ASSAY_ARTIFACT_ROOT moves the files of new problems, to `s3://bucket/folder` for example.
    """

    def __init__(self, workspace: Workspace) -> None:
        workspace.activate()
        self._home = workspace.home
        self._mlflow = Connection(
            uri=workspace.tracking_uri,
            artifacts=artifact_root(),
        )

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

        Everything is logged to a run first and the version comes last, with its tags, in one transaction. So a run
        without a version is one that was killed; it is deleted, with its files, and made anew.

        Args:
            problem: what the network is for.
            model_folder: as `models.estimators.saved.save_model` wrote it.
            evaluation_folder: tables and plots of the evidence; logged whole.
            tags: of the run and the version, `weights.sha256` and `evidence.digest` among them.
            params: what the network was made with.
            metrics: the evidence's numbers, logged with their intervals as `<name>`, `<name>.low`, `<name>.high`.
            dataset: what the evidence was gathered on.
            input_example: float32 arrays by the name of the model's inputs, batch first.
            headline: names of the metrics that lists of versions show.

        Returns:
            The version.

        Raises:
            IntegrityError: when the model is damaged or not the one that the tags name.
        """
        from models.estimators import DESCRIPTION, load_model

        weights, evidence = tags["weights.sha256"], tags["evidence.digest"]
        verified_description(model_folder, {"weights.sha256": weights}, problem.name)
        estimator, _ = load_model(model_folder)
        record = RunRecord(
            name=f"{problem.name}-{weights[:8]}",
            tags=tags,
            params=params,
            metrics=metrics,
            dataset=dataset,
            model_folder=model_folder,
            evaluation_folder=evaluation_folder,
            inputs=estimator.inputs,
            outputs=estimator.outputs,
            input_example=input_example,
        )
        with self._locked(problem.name), self._mlflow.one_line():
            known = self.find(problem.name, weights, evidence)
            if known is not None:
                return known
            client, experiment = self.experiment(problem)
            same = f"tags.`weights.sha256` = '{weights}' AND tags.`evidence.digest` = '{evidence}'"
            for run in client.search_runs([experiment], same):
                delete_run(client, run, self._mlflow.check_owned)
            run_id, model_id = log_run(client, experiment, record)
            with fetched(client.get_logged_model(model_id).artifact_location, self._home) as folder:
                logged = logged_digest(folder)
            own = {
                LOGGED: logged,
                "description.sha256": file_sha256(model_folder / DESCRIPTION),
                **{METRIC_TAG + name: repr(float(metrics[name].value)) for name in headline},
            }
            created = client.create_model_version(
                problem.name, f"models:/{model_id}", run_id, tags={**tags, **own}, model_id=model_id
            )
            return int(created.version)

    def find(self, problem: str, weights_sha256: str, evidence_digest: str) -> int | None:
        """The version with these weights and this evidence; None when there is none."""
        with self._mlflow.one_line():
            found = self._search(
                f"name = '{problem}' AND tags.`weights.sha256` = '{weights_sha256}' "
                f"AND tags.`evidence.digest` = '{evidence_digest}'"
            )
        return min((int(version.version) for version in found), default=None)

    def versions(self, problem: str) -> list[VersionInfo]:
        """Every version of a problem, oldest first; none when it has no model."""
        with self._mlflow.one_line():
            found = self._versions(problem)
        return sorted((version_info(version) for version in found), key=lambda info: info.version)

    def version(self, problem: str, version: int) -> VersionInfo:
        """One version of a problem.

        Raises:
            AssayError: when there is no such version.
        """
        with self._mlflow.one_line():
            return version_info(self._find(problem, version))

    def metrics(self, info: VersionInfo) -> dict[str, float]:
        """All that a version's evaluation measured, each with its interval's ends (`.low`, `.high`)."""
        with self._mlflow.one_line():
            return dict(self._mlflow.client().get_run(info.run_id).data.metrics)

    def model_folder(self, problem: str, version: int) -> Path:
        """The local folder with the weights and description of a version, digests checked.

        Raises:
            AssayError: when there is no such version.
            IntegrityError: when a file is missing or is not what was registered; the message names it.
        """
        with self._mlflow.one_line():
            found = self._find(problem, version)
            location = self._mlflow.client().get_model_version_download_uri(problem, str(version))
            folder = local_folder(f"{location}/artifacts/model", home=self._home, kept=self._kept(problem, version))
        verified_description(folder, found.tags, problem)
        return folder

    def check_logged_model(self, problem: str, version: int, digest: str | None) -> None:
        """See that MLflow's copy of a version, whose code it runs for `mlflow.pyfunc`, is what was registered.

        Args:
            problem: the registered model's name.
            version: of it.
            digest: the tag `logged_model.digest`, by the ledger.

        Raises:
            IntegrityError: when it is not.
        """
        with self._mlflow.one_line():
            uri = self._mlflow.client().get_model_version_download_uri(problem, str(version))
            with fetched(uri, self._home) as folder:
                if logged_digest(folder) != digest:
                    raise IntegrityError(
                        f"{folder}, MLflow's copy of {problem} version {version}, is not what was registered",
                        "do not load it with mlflow.pyfunc; delete __pycache__ in it if that is new, or restore it "
                        "from a backup",
                    )

    def evaluation_folder(self, problem: str, version: int) -> Path:
        """The local folder with the evaluation that a version was registered with.

        Raises:
            AssayError: when there is no such version.
            IntegrityError: when the folder is gone.
        """
        with self._mlflow.one_line():
            found = self._find(problem, version)
            location = self._mlflow.client().get_run(str(found.run_id)).info.artifact_uri
            folder = local_folder(f"{location}/evaluation", home=self._home, kept=self._kept(problem, version))
        if not folder.is_dir():
            raise IntegrityError(f"{folder} is missing", "restore MLflow's files from a backup")
        return folder

    def attach(self, problem: str, version: int, path: Path, folder: str) -> None:
        """Keep a file or a folder beside the evaluation that a version was registered with, in place of an older one.

        Raises:
            AssayError: when there is no such version.
        """
        with self._mlflow.one_line():
            run_id, client = str(self._find(problem, version).run_id), self._mlflow.client()
            if path.is_dir():
                client.log_artifacts(run_id, str(path), folder)
            else:
                client.log_artifact(run_id, str(path), folder)

    def tags(self, problem: str) -> dict[int, dict[str, str]]:
        """The tags of every version, whoever registered it; none when the problem has no model."""
        with self._mlflow.one_line():
            return {int(version.version): dict(version.tags) for version in self._versions(problem)}

    def aliases(self, problem: str) -> dict[str, int]:
        """The version behind each alias, those of users among them; none when the problem has no model."""
        with self._mlflow.one_line():
            found = self._registered(self._mlflow.client(), problem)
        return {name: int(version) for name, version in found[0].aliases.items()} if found else {}

    def ledger_head(self, problem: str) -> str | None:
        """The ledger's last entry, as MLflow was last told of it; see `ledger_table.check_reaches`."""
        with self._mlflow.one_line():
            found = self._registered(self._mlflow.client(), problem)
        return found[0].tags.get(HEAD) if found else None

    def delete(self, problem: str, version: int) -> None:
        """Delete a version with its run and its files; one that is gone already is no error.

        Raises:
            RefusedError: when an alias points at it.
        """
        pointing = [name for name, number in self.aliases(problem).items() if number == version]
        if pointing:
            raise RefusedError(f"{problem} version {version} has the alias {pointing[0]}: it is not deleted")
        with self._mlflow.one_line():
            client = self._mlflow.client()
            for found in self._search(f"name = '{problem}' AND version_number = {version}"):
                # The run first: killed in between, the version is still there to be deleted by the next call.
                if len(self._search(f"run_id = '{found.run_id}'")) == 1:  # nobody else's
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
            lineage: the tags that each was registered with, as `ledger_reading.registered_tags` gives them.
            only: the versions whose tags are looked at; all of them by default.

        Returns:
            What was not so.
        """
        with self._mlflow.one_line():
            client = self._mlflow.client()
            found = differences(client, problem, stages, lineage, only=only)
            repair(client, problem, found)
        return found

    def experiment(self, problem: "Problem") -> "tuple[MlflowClient, str]":
        """MLflow's client and the problem's experiment; it and the registered model are made when not there."""
        client, tags = self._mlflow.client(), {PROBLEM_TAG: problem.name}
        if not self._registered(client, problem.name):
            about = (type(problem).__doc__ or problem.name).splitlines()[0]
            client.create_registered_model(problem.name, tags=tags, description=about)
        known = find_experiment(client, problem.name)
        if known is not None:
            return client, str(known.experiment_id)
        folder = self._mlflow.artifact_folder(problem.name)
        return client, str(client.create_experiment(problem.name, artifact_location=folder, tags=tags))

    def bring_back(self, problem: str) -> list[str]:
        """Restore what was deleted on MLflow's pages, and say what; see `components/registry/changed_by_hand.py`."""
        with self._mlflow.one_line():
            return bring_back(self._mlflow.client(), problem)

    def check(self, problem: str | None = None) -> None:
        """See that MLflow can be asked, and has what it had of a problem.

        Raises:
            AssayError: when its database is another version's, its server does not answer, or somebody renamed or
                deleted the problem's experiment or registered model.
        """
        with self._mlflow.one_line():
            client = self._mlflow.client()
            client.search_experiments(max_results=1)
            if problem is not None:
                self._registered(client, problem)
                find_experiment(client, problem)

    def _registered(self, client: "MlflowClient", problem: str) -> "Sequence[RegisteredModel]":
        """The registered model of a problem, or nothing."""
        found = client.search_registered_models(f"name = '{problem}'")
        if not found:
            check_name(client, problem)
        return found

    def _versions(self, problem: str) -> "list[ModelVersion]":
        found = self._search(f"name = '{problem}'")
        if not found:
            check_name(self._mlflow.client(), problem)
        return found

    def _search(self, query: str) -> "list[ModelVersion]":
        return search_versions(self._mlflow.client(), query)

    def _find(self, problem: str, version: int) -> "ModelVersion":
        client = self._mlflow.client()
        try:
            return find_version(client, problem, version)
        except AssayError:
            self._registered(client, problem)  # which has a better reason when it was renamed
            raise

    def _kept(self, problem: str, version: int) -> Path:
        return self._home / "downloads" / problem / str(version)

    def _locked(self, name: str) -> FileLock:
        """One process at a time: a second one would take the first one's unfinished run for a dead one."""
        folder = self._home / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"registry-{name}.lock")
