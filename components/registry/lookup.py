"""Finding what MLflow has: registered models that are this ledger's, and their versions.

    found = Lookup(workspace)
    found.version("galaxy-shape", 3), found.tags("galaxy-shape"), found.aliases("galaxy-shape")

The part of `registry.py` that only reads. A registered model that mirrors another ledger is refused here, once, before
anything of it is believed or changed (`owner.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from components.core import Workspace, sqlite_url
from components.ledger import HEAD, open_ledger
from components.registry.changed_by_hand import check_name, find_experiment
from components.registry.connection import Connection, artifact_root
from components.registry.owner import OWNER, check_owner, lost_model
from components.registry.versions import VersionInfo, find_version, search_versions, version_info

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel


class Lookup:
    """What one workspace's MLflow has, or that of the server or database which MLFLOW_TRACKING_URI names.

    ASSAY_ARTIFACT_ROOT moves the files of new problems, to `s3://bucket/folder` for example.
    """

    def __init__(self, workspace: Workspace) -> None:
        workspace.activate()
        self._workspace, self._home = workspace, workspace.home
        self._mlflow = Connection(uri=workspace.tracking_uri, artifacts=artifact_root())
        self._ours: set[str] = set()

    def versions(self, problem: str) -> list[VersionInfo]:
        """Every version of a problem, oldest first; none when it has no model."""
        with self._of(problem) as client:
            found = search_versions(client, f"name = '{problem}'")
        return sorted((version_info(version) for version in found), key=lambda info: info.version)

    def version(self, problem: str, version: int) -> VersionInfo:
        """One version of a problem.

        Raises:
            AssayError: when there is no such version.
        """
        with self._of(problem) as client:
            return version_info(find_version(client, problem, version))

    def find(self, problem: str, weights_sha256: str) -> int | None:
        """The version with these weights; None when there is none."""
        with self._of(problem) as client:
            query = f"name = '{problem}' AND tags.`weights.sha256` = '{weights_sha256}'"
            return min((int(version.version) for version in search_versions(client, query)), default=None)

    def metrics(self, info: VersionInfo) -> dict[str, float]:
        """All that a version's evaluation measured, each with its interval's ends (`.low`, `.high`)."""
        with self._mlflow.one_line():
            return dict(self._mlflow.client().get_run(info.run_id).data.metrics)

    def tags(self, problem: str) -> dict[int, dict[str, str]]:
        """The tags of every version, whoever registered it; none when the problem has no model."""
        with self._of(problem) as client:
            found = search_versions(client, f"name = '{problem}'")
        return {int(version.version): dict(version.tags) for version in found}

    def aliases(self, problem: str) -> dict[str, int]:
        """The version behind each alias, those of users among them; none when the problem has no model."""
        with self._of(problem) as client:
            found = _model(client, problem)
        return {name: int(version) for name, version in found.aliases.items()} if found else {}

    def ledger_head(self, problem: str) -> str | None:
        """The ledger's last entry, as MLflow was last told of it; see `Ledger.check_reaches`."""
        with self._of(problem) as client:
            found = _model(client, problem)
        return found.tags.get(HEAD) if found else None

    @property
    def taken_from(self) -> str:
        """Which MLflow this is and why, in a line, where it is not the state folder's own; else empty."""
        if self._mlflow.uri == sqlite_url(self._home / "mlflow.db"):
            return ""
        return f"models are registered with MLflow at {self._mlflow.shown}, which MLFLOW_TRACKING_URI names"

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
            with self._of(problem) as client:
                find_experiment(client, problem)

    @contextmanager
    def _of(self, problem: str) -> "Iterator[MlflowClient]":
        """MLflow's client, once it is sure that the problem's registered model is this ledger's.

        Raises:
            IntegrityError: when it is another's.
            AssayError: when this ledger has versions and MLflow no such model, somebody renamed it, or MLflow does not
                answer.
        """
        with self._mlflow.one_line():
            client = self._mlflow.client()
            if problem not in self._ours:
                self._check_owner(client, problem)
                self._ours.add(problem)
            yield client

    def _check_owner(self, client: "MlflowClient", problem: str) -> None:
        ledger, found = open_ledger(self._workspace), _model(client, problem)
        if found is None:
            check_name(client, problem)
            entries = len(ledger.history(problem))
            if entries:
                raise lost_model(problem, entries, self._mlflow.shown)
            return
        if found.tags.get(OWNER) == ledger.identity:  # as nearly always; a long history takes its time to read
            return
        heads = {entry.head for entry in ledger.history(problem)}
        check_owner(found, identity=ledger.identity, heads=heads, uri=self._mlflow.shown)

    def _kept(self, problem: str, version: int) -> Path:
        return self._home / "downloads" / problem / str(version)


def _model(client: "MlflowClient", problem: str) -> "RegisteredModel | None":
    return next(iter(client.search_registered_models(f"name = '{problem}'")), None)
