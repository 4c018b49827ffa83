"""Files of MLflow inside the state folder, by addresses that do not say where that lies: `assay-home:/galaxy-shape/…`.

    folder = home_folder("assay-home:/galaxy-shape/models/m-1", home)      # .assay/mlartifacts/galaxy-shape/models/m-1

So a state folder can be moved, copied and restored elsewhere, and a copy never reads, changes or deletes what is its
original's. How MLflow itself reads such addresses stands in `home_artifacts.py`.
"""

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from components.core import SQLITE, AssayError, IntegrityError, variable

_FOLDER = "mlartifacts"


def home_folder(uri: str, home: Path) -> Path:
    """The folder that an address stands for.

    Raises:
        IntegrityError: when it leads out of the state folder.
    """
    inside = PurePosixPath(unquote(urlsplit(uri).path).lstrip("/"))
    if ".." in inside.parts:
        raise IntegrityError(f"{uri} leads out of {home}", "MLflow's database was changed: restore it from a backup")
    return home / _FOLDER / inside


def home_of(tracking_uri: str) -> Path:
    """The state folder of a database: around an SQLite file; of one elsewhere only the environment knows.

    Raises:
        AssayError: when it does not.
    """
    if tracking_uri.startswith(SQLITE):
        return Path(tracking_uri.removeprefix(SQLITE)).resolve().parent
    home = variable("ASSAY_HOME")
    if not home:
        raise AssayError("ASSAY_HOME is not set: it must name the state folder, whose files MLflow is asked for")
    return Path(home)
