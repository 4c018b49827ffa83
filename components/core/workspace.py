"""Where everything lives: the repository, the state folder (ASSAY_HOME), and the environment of every tool.

workspace = Workspace.find()
workspace.activate()      # before the first import of mlflow, prefect, dvc, optuna or bentoml
"""

import os
import shutil
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from components.core.databases import check_free, check_local, sqlite_url
from components.core.environment import variable
from components.core.errors import AssayError
from components.core.house import check_own_code
from components.core.locks import DatabaseLock
from components.core.profile import check_addresses, is_cluster

__label__ = None

_TELEMETRY_OFF = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "BENTOML_DO_NOT_TRACK": "True",
}

_THIS_MACHINE = ("127.0.0.1", "localhost")
_NOT_IN_ADDRESSES = {"?", "#", "%"}
"""Characters that mean something in a URL: a database would lie elsewhere than it is looked for."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One repository and its state folder."""

    root: Path
    """The folder that holds params.yaml."""
    home: Path
    """The state folder: databases, MLflow artifacts, Prefect home, Bento store, GX docs."""

    @classmethod
    def find(cls, start: Path | None = None) -> "Workspace":
        """The workspace around a folder (default: the current one).

        Raises:
            AssayError: when neither the folder nor one above it holds a params.yaml, the code that runs is not what
                lies beside it, or the state folder has a path that no database can be asked for.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "params.yaml").is_file():
                check_own_code(folder)
                home = Path(variable("ASSAY_HOME") or folder / ".assay").expanduser()
                home = home if home.is_absolute() else folder / home
                for character in _NOT_IN_ADDRESSES & {*str(home)}:
                    raise AssayError(
                        f"the state folder {home} has a {character!r} in its path, which addresses of databases take "
                        "for another thing: set ASSAY_HOME to a folder without one"
                    )
                return cls(root=folder, home=home)
        raise AssayError(f"no params.yaml in {here} or above it: change to the folder of your Assay clone")

    def environment(self) -> dict[str, str]:
        """The variables that keep every tool's state inside ``home`` and its telemetry off."""
        home = self.home
        return _TELEMETRY_OFF | {
            "ASSAY_HOME": str(home),
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_PROFILES_PATH": str(home / "prefect" / "profiles.toml"),
            # To the dashboard everything, to the terminal nothing: Assay says itself what happens, in one line.
            "PREFECT_LOGGING_LEVEL": "INFO",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
            "PREFECT_CLI_PROMPT": "false",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # an error that ends a step would be kept as a pickle
            "MLFLOW_TRACKING_URI": sqlite_url(home / "mlflow.db"),
            "MLFLOW_LOGGING_LEVEL": "ERROR",  # whichever of its modules is imported first; what matters is raised
            # A server that does not answer is said so after 20 s, not after four minutes.
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "9",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # where `--json` prints its document
            "BENTOML_HOME": str(home / "bentoml"),
            "DVC_SITE_CACHE_DIR": str(home / "dvc" / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc" / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(home / "dvc" / "system"),
            "MPLCONFIGDIR": str(home / "matplotlib"),
            "MPLBACKEND": "agg",
            # Threads that wait spin for a moment only: for longer, and a busy process beside this one halves the speed
            # of a training; not at all, and waking up costs a third of it.
            "GOMP_SPINCOUNT": "1000",
        }

    def activate(self) -> None:
        """Set the environment for this process and its children; what the user has set stays.

        A proxy that the user has set stands before other machines, not before this one's own servers.
        """
        for name, value in self.environment().items():
            os.environ.setdefault(name, value)
        for name in ("no_proxy", "NO_PROXY"):
            beside = [host for host in (variable(name) or "").split(",") if host]
            os.environ[name] = ",".join(dict.fromkeys([*beside, *_THIS_MACHINE]))

    def prepare(self, *, need_bytes: int = 0) -> None:
        """Make ``home`` and see that it can be written and holds what is about to be written, databases included.

        Args:
            need_bytes: what the coming work is expected to write there.

        Raises:
            AssayError: when it cannot be written, is too full, or one of its databases is locked, damaged, or would
                lie on a network mount or, under `profile: cluster`, on this machine alone.
        """
        if self.is_cluster:
            check_addresses(database=self.database_url, optuna=self.optuna_url, tracking=self.tracking_uri)
        check_local(
            {
                "ASSAY_DATABASE_URL": self.database_url,
                "MLFLOW_TRACKING_URI": self.tracking_uri,
                "ASSAY_OPTUNA_URL": self.optuna_url,
            }
        )
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody else on this machine reads what is in it
            if not any(self.home.iterdir()):
                self.home.chmod(0o700)  # it was there; who may read a house that is in use is its owner's decision
            with tempfile.TemporaryFile(dir=self.home) as probe:
                probe.write(b"\0" * 4096)
        except OSError as error:
            raise AssayError(
                f"ASSAY_HOME {self.home} cannot be written ({error.strerror}): "
                "free it, or set ASSAY_HOME to a folder of yours"
            ) from error
        free = shutil.disk_usage(self.home).free
        if free < need_bytes:
            raise AssayError(
                f"ASSAY_HOME {self.home} has {free / 1e9:.3g} GB free and {need_bytes / 1e9:.3g} GB are needed: "
                "free some, lower the count, or set ASSAY_HOME to a larger disk"
            )
        check_free([self.home / name for name in ("assay.db", "mlflow.db", "optuna.db", "prefect/prefect.db")])

    def require_writable_clone(self) -> None:
        """See that data can be put beside the code; what only reads it needs ``home`` alone.

        Raises:
            AssayError: when nothing can be written there.
        """
        try:
            with tempfile.TemporaryFile(dir=self.root):
                return
        except OSError as error:
            raise AssayError(
                f"the clone {self.root} cannot be written ({error.strerror}), and data is kept in it: simulate in a "
                "clone of your own; promote, serve and predict work here"
            ) from error

    def data_lock(self) -> FileLock:
        """Held while data.dvc is read or written, by us or by DVC."""
        return self._file_lock("data.dvc.lock", again=True)

    def dvc_lock(self) -> FileLock:
        """Held while DVC works, which itself gives up after three seconds of waiting."""
        return self._file_lock("dvc.lock", again=True)

    def lock(self, problem: str) -> AbstractContextManager[object]:
        """Held while a version enters a stage and while versions are deleted."""
        return self.shared_lock(f"{problem}.stages.lock", again=True)

    def shared_lock(self, name: str, *, timeout_s: float = -1, again: bool = False) -> AbstractContextManager[object]:
        """What one process at a time holds: of this state folder, or under `profile: cluster` of all that share it.

        Args:
            name: of what is locked.
            timeout_s: how long to wait for another process, which then is a `filelock.Timeout`; by default for ever.
            again: whether the same thread may hold it twice.
        """
        if self.is_cluster:
            return DatabaseLock(self.database_url, name, timeout_s=timeout_s, again=again)
        return self._file_lock(name, timeout_s=timeout_s, again=again)

    def _file_lock(self, name: str, *, timeout_s: float = -1, again: bool) -> FileLock:
        folder = self.home / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / name, timeout=timeout_s, is_singleton=again, thread_local=again)

    @property
    def is_cluster(self) -> bool:
        """Whether params.yaml says that other machines share databases and files with this one."""
        return is_cluster(self.root)

    @property
    def data(self) -> Path:
        """The folder of all datasets, of which DVC keeps each by itself."""
        return self.root / "data"

    def dataset(self, problem: str) -> Path:
        """The published dataset of a problem."""
        return self.data / problem

    def models(self, problem: str) -> Path:
        """The trained networks of a problem, one folder for each set of inputs."""
        return self.home / "models" / problem

    def evaluations(self, problem: str) -> Path:
        """The evaluations of a problem, one folder for each model and dataset."""
        return self.home / "evaluations" / problem

    def honesty(self, problem: str) -> Path:
        """How honest a problem's models were found to be, one folder for each."""
        return self.home / "honesty" / problem

    def records(self, problem: str) -> Path:
        """What servers of a problem answered, as files of rows."""
        return self.home / "records" / problem

    @property
    def digests(self) -> Path:
        """What was found by files that nobody wrote to since: their digests, and that no retraining was due."""
        return self.home / "digests"

    @property
    def database_url(self) -> str:
        """Assay's own database (the ledger)."""
        return variable("ASSAY_DATABASE_URL") or sqlite_url(self.home / "assay.db")

    @property
    def tracking_uri(self) -> str:
        """MLflow's database, or its server."""
        return variable("MLFLOW_TRACKING_URI") or sqlite_url(self.home / "mlflow.db")

    @property
    def optuna_url(self) -> str:
        """The database of the searches."""
        return variable("ASSAY_OPTUNA_URL") or sqlite_url(self.home / "optuna.db")
