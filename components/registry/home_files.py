"""Files of MLflow inside the state folder, by addresses that do not say where that lies: `assay-home:/galaxy-shape/…`.

    folder = home_folder("assay-home:/galaxy-shape/models/m-1", home)      # .assay/mlartifacts/galaxy-shape/models/m-1

So a state folder can be moved, copied and restored elsewhere, and a copy never reads, changes or deletes what is its
original's. MLflow finds `HomeArtifacts` by an entry point, in its own server and clients too.
"""

import os
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from components.registry.connection import HOME_SCHEME, SQLITE

_FOLDER = "mlartifacts"


class HomeArtifacts(LocalArtifactRepository):
    """MLflow's repository of files for such addresses.

    Args:
        artifact_uri: of a folder.
        tracking_uri: of the database that names it; that of the process by default.
        registry_uri: unused.
    """

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        from mlflow import get_tracking_uri  # MLflow reads this module while it is itself being imported

        folder = home_folder(artifact_uri, _home_of(tracking_uri or get_tracking_uri()))
        super().__init__(folder.as_uri(), tracking_uri, registry_uri)


def home_folder(uri: str, home: Path) -> Path:
    """The folder that an address stands for.

    Raises:
        MlflowException: when it leads out of the state folder.
    """
    inside = PurePosixPath(unquote(urlsplit(uri).path).lstrip("/"))
    if ".." in inside.parts:
        raise MlflowException(f"{uri} leads out of {home}")
    return home / _FOLDER / inside


def home_uri(name: str) -> str:
    """The address of a folder of that name."""
    return f"{HOME_SCHEME}:/{quote(name)}"


def _home_of(tracking_uri: str) -> Path:
    """The state folder: around an SQLite file; of a database elsewhere only the environment knows."""
    if tracking_uri.startswith(SQLITE):
        return Path(tracking_uri.removeprefix(SQLITE)).resolve().parent
    home = os.environ.get("ASSAY_HOME")
    if not home:
        raise MlflowException("ASSAY_HOME is not set: it must name the state folder, whose files MLflow is asked for")
    return Path(home)
