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

from components.core import AssayError, Workspace, sqlite_url
from components.ledger import HEAD, open_ledger
from components.registry.changed_by_hand import check_name, find_experiment
from components.registry.connection import Connection, artifact_root
from components.registry.files import local_path
from components.registry.owner import OWNER, check_owner, lost_model
from components.registry.reading import Reading
from components.registry.runs import METRICS, read_metrics
from components.registry.versions import LINEAGE, VersionInfo

if TYPE_CHECKING:
    from mlflow import MlflowClient


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
        """Every version of a problem, whoever registered it, oldest first; none when it has no model."""
        with self._reading(problem) as mlflow:
            return mlflow.versions(problem)

    def version(self, problem: str, version: int) -> VersionInfo:
        """One version of a problem.

        Raises:
            AssayError: when there is no such version, or it is somebody else's.
        """
        with self._reading(problem) as mlflow:
            found = mlflow.versions(problem, number=version)
        if not found:
            raise AssayError(f"{problem!r} has no version {version}: type `assay models` to see what is registered")
        missing = sorted(LINEAGE - set(found[0].tags))
        if missing:
            raise AssayError(
                f"{problem} version {version} has no tag {missing[0]}: type `assay reconcile` if Assay registered it"
            )
        return found[0]

    def find(self, problem: str, weights_sha256: str) -> int | None:
        """The version with these weights; None when there is none."""
        with self._reading(problem) as mlflow:
            found = mlflow.versions(problem, weights=weights_sha256)
        return found[0].version if found else None

    def metrics(self, problem: str, info: VersionInfo) -> dict[str, float]:
        """All that a version's evaluation measured, each with its interval's ends (`.low`, `.high`).

        The headline alone where files of its run are another machine's.
        """
        with self._mlflow.reading() as mlflow:
            logged = mlflow.metrics(info.run_id)
            if any(name.endswith(".low") for name in logged):  # of before: MLflow had all of them
                return logged
            location = mlflow.artifacts(info.run_id)
        table = self._local(problem, info.version, f"{location}/{METRICS}")
        return read_metrics(table) if table.is_file() else info.metrics

    def tags(self, problem: str) -> dict[int, dict[str, str]]:
        """The tags of every version, whoever registered it; none when the problem has no model."""
        return {info.version: dict(info.tags) for info in self.versions(problem)}

    def aliases(self, problem: str) -> dict[str, int]:
        """The version behind each alias, those of users among them; none when the problem has no model."""
        with self._reading(problem) as mlflow:
            found = mlflow.model(problem)
        return dict(found.aliases) if found else {}

    def ledger_head(self, problem: str) -> str | None:
        """The ledger's last entry, as MLflow was last told of it; see `Ledger.check_reaches`."""
        with self._reading(problem) as mlflow:
            found = mlflow.model(problem)
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
    def _reading(self, problem: str) -> Iterator[Reading]:
        """What MLflow has of a problem, once it is sure that its registered model is this ledger's.

        Raises:
            IntegrityError: when it is another's.
            AssayError: when this ledger has versions and MLflow no such model, somebody renamed it, or MLflow does not
                answer.
        """
        with self._mlflow.reading() as mlflow:
            if problem not in self._ours:
                self._check_owner(mlflow, problem)
                self._ours.add(problem)
            yield mlflow

    @contextmanager
    def _of(self, problem: str) -> "Iterator[MlflowClient]":
        """MLflow's client, to change something of a problem; raises what `_reading` does."""
        with self._reading(problem):
            pass
        with self._mlflow.one_line():
            yield self._mlflow.client()

    def _check_owner(self, mlflow: Reading, problem: str) -> None:
        ledger, found = open_ledger(self._workspace), mlflow.model(problem)
        if found is None:
            check_name(mlflow, problem)
            entries = len(ledger.history(problem))
            if entries:
                raise lost_model(problem, entries, self._mlflow.shown)
            return
        if found.tags.get(OWNER) == ledger.identity:  # as nearly always; a long history takes its time to read
            return
        heads = {entry.head for entry in ledger.history(problem)}
        check_owner(found, identity=ledger.identity, heads=heads, uri=self._mlflow.shown)

    def _local(self, problem: str, version: int, address: str) -> Path:
        """Where a file of a version lies here, fetched if need be: MLflow's database is not held meanwhile."""
        with self._mlflow.one_line():
            return local_path(address, home=self._home, kept=self._home / "downloads" / problem / str(version))
