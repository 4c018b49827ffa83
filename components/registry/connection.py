"""The way to MLflow: its database made once, its errors in one line.

connection = Connection(uri="sqlite:////home/ada/assay/.assay/mlflow.db", artifacts="assay-home:")
connection.create()
with connection.reading() as mlflow:
    mlflow.versions("galaxy-shape")
with connection.one_line():
    connection.client().create_experiment("galaxy-shape")
"""

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from components.core import AssayError, IntegrityError, sqlite_file, sqlite_url, variable
from components.registry.reading import ByClient, Reading
from components.registry.sqlite import open_tables

if TYPE_CHECKING:
    from mlflow import MlflowClient

_NO_ANSWER = re.compile("Max retries exceeded|Connection refused|timed out|NewConnectionError")
_OTHER_SCHEMA = re.compile("out-of-date database schema|Can't locate revision")
_STORES = "see that its store of files can be reached, has space and takes this account's word, then repeat"
HOME_SCHEME = "assay-home"
"""Of addresses of files inside the state folder (`home_files.py`)."""


def artifact_root() -> str:
    """Where files of new experiments go: inside the state folder, or where ASSAY_ARTIFACT_ROOT says."""
    return variable("ASSAY_ARTIFACT_ROOT") or f"{HOME_SCHEME}:"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One MLflow: a database that this process opens itself, or a tracking server."""

    uri: str
    """Tracking URI: `sqlite:///…`, `postgresql+psycopg2://…` or `http(s)://…`."""
    artifacts: str
    """URI of the folder for the files of new experiments; a server decides for itself."""

    @property
    def shown(self) -> str:
        """The URI without its password."""
        return re.sub(r"//[^@/]*@", "//", self.uri)

    def create(self) -> None:
        """Make the database's tables where they are not there yet; nothing is imported when there is nothing to do.

        The caller sees to it that no other process does the same.
        """
        if self.uri.startswith("http"):
            return
        database = sqlite_file(self.uri)
        if database is None:
            with self.one_line():
                self._make_schema(self.uri)
            return
        if database.is_file():
            return
        # SQLite keeps what a killed migration left, for ever: the file gets its name when it is complete.
        database.parent.mkdir(parents=True, exist_ok=True)
        partial = database.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with self.one_line():
            self._make_schema(sqlite_url(partial))
        partial.replace(database)

    def client(self) -> "MlflowClient":
        """MLflow's own client; the process's tracking URI is set too, for what has no client method."""
        import mlflow
        from mlflow.tracking._tracking_service import utils

        # MLflow remembers places by run alone: those of one state folder would be written to for its copy, too.
        utils._artifact_repos_cache.clear()
        mlflow.set_tracking_uri(self.uri)
        return _client(self.uri)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """What is only read, without MLflow itself where that is not needed; errors come in one line."""
        file = sqlite_file(self.uri)
        tables = None if file is None else open_tables(file)
        with self.one_line():
            if tables is None:
                yield ByClient(self.client())
                return
            with closing(tables):
                yield tables

    def artifact_folder(self, experiment: str) -> str | None:
        """Where an experiment's files go; None leaves it to the server."""
        return None if self.uri.startswith("http") else f"{self.artifacts}/{experiment}"

    def check_owned(self, location: str) -> None:
        """See that files are this MLflow's own before they are deleted.

        Raises:
            IntegrityError: when they lie in a local folder that is not `artifacts`: another house's.
        """
        if urlsplit(location).scheme in ("", "file") and not location.startswith(f"{self.artifacts}/"):
            raise IntegrityError(
                f"{location} is not within {self.artifacts}: nothing is deleted there",
                "delete the run in the MLflow that it belongs to",
            )

    @contextmanager
    def one_line(self) -> Iterator[None]:
        """Turn what MLflow, its store of files and the way there raise into one line for the user."""
        try:
            yield
        except Exception as error:
            what = " ".join(str(error).split())[:300]
            if isinstance(error, _of_stores()):
                said = f"the files of MLflow at {self.shown} cannot be read or written ({what}): {_STORES}"
            elif isinstance(error, sqlite3.Error):
                said = f"MLflow's database {self.shown} cannot be read ({what}): restore it from a backup"
            elif isinstance(error, _of_mlflow()):
                said = self._refusal(what)
            else:
                raise
            raise AssayError(said) from error

    def _refusal(self, what: str) -> str:
        uri = self.shown
        if _NO_ANSWER.search(what):
            return (
                f"MLflow at {uri} does not answer: start that server, or unset MLFLOW_TRACKING_URI to use the state "
                "folder's own"
            )
        if _OTHER_SCHEMA.search(what):
            return (
                f"MLflow's database {uri} was made by another version of MLflow: type `make setup` if that was a newer "
                f"one; for an older one keep a copy of it, then type `mlflow db upgrade {uri}`"
            )
        return f"MLflow at {uri} refused ({what}): type `assay models` to see what it holds"

    def _make_schema(self, uri: str) -> None:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(uri, self.artifacts).engine.dispose()  # type: ignore[no-untyped-call]


@lru_cache(maxsize=1)
def _client(uri: str) -> "MlflowClient":
    """Made once: it opens nothing that a fork or another house could disturb, and takes its time."""
    import mlflow

    return mlflow.MlflowClient(uri, uri)


def _of_stores() -> tuple[type[Exception], ...]:
    """What stores of files raise, each in its own words: a folder, MLflow's own server, S3 where it is installed."""
    from requests import RequestException

    botocore = sys.modules.get("botocore.exceptions")
    of_s3 = (botocore.BotoCoreError, botocore.ClientError) if botocore else ()
    return (OSError, RequestException, *of_s3)


def _of_mlflow() -> tuple[type[Exception], ...]:
    """What MLflow raises, where it was needed."""
    exceptions = sys.modules.get("mlflow.exceptions")
    return (exceptions.MlflowException,) if exceptions else ()
