"""How long it takes until each fault of others' is told in its one line: 20 seconds at most.

    python -m benchmarks foreign_faults

Each fault is put into a copy of a house with a version in production, and every command below it is run by itself.
"""

import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

from benchmarks._houses import candidates
from components.core import Workspace
from tests.drills.commands import ASSAY, assay
from tests.drills.houses import NAME, mlflow_client, promote

Variables = Mapping[str, str]
_NOBODY = "127.0.0.1:9"
"""Where no server listens."""
_READ, _RUN = ("models",), ("run", NAME)
_PROMOTE = ("promote", NAME, "2", "--to", "staging", "--reason", "a reason")


class Fault(NamedTuple):
    """What others do, and the commands that meet it."""

    said: str
    make: Callable[[Workspace], Variables]
    commands: tuple[tuple[str, ...], ...]


def variables(**values: str) -> Callable[[Workspace], Variables]:
    """Nothing but what a user's environment says."""
    return lambda house: values  # noqa: ARG005


def written(*path: str, content: bytes) -> Callable[[Workspace], Variables]:
    """A file of the home with other content."""

    def make(house: Workspace) -> Variables:
        house.home.joinpath(*path).write_bytes(content)
        return {}

    return make


def stated(database: str, statement: str) -> Callable[[Workspace], Variables]:
    """A database that another program changed."""

    def make(house: Workspace) -> Variables:
        with closing(sqlite3.connect(house.home / database)) as connection:
            connection.execute(statement)
            connection.commit()
        return {}

    return make


def held(house: Workspace) -> Variables:
    """MLflow's database, locked by another process for as long as this one runs."""
    holder = f"import sqlite3, sys; c = sqlite3.connect({str(house.home / 'mlflow.db')!r}, isolation_level=None); "
    holder += "c.execute('BEGIN EXCLUSIVE'); print(1, flush=True); sys.stdin.read()"
    other = subprocess.Popen([ASSAY[0], "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    return {}


def deleted(house: Workspace) -> Variables:
    """The experiment, in MLflow."""
    client = mlflow_client(house)
    client.delete_experiment(client.get_experiment_by_name(NAME).experiment_id)
    return {}


def renamed(house: Workspace) -> Variables:
    """The model, in MLflow."""
    mlflow_client(house).rename_registered_model(NAME, "galaxies")
    return {}


def unmounted(house: Workspace) -> Variables:
    """DVC's cache, and the dataset with it."""
    (house.root / ".dvc").mkdir(exist_ok=True)
    (house.root / ".dvc" / "config").write_text(f"[cache]\n    dir = {house.root / 'mnt' / 'cache'}\n")
    return {}


FAULTS = (
    Fault("MLFLOW_TRACKING_URI of a dead server", variables(MLFLOW_TRACKING_URI=f"http://{_NOBODY}"),
          (("init",), _READ, _RUN, _PROMOTE)),
    Fault("http_proxy of a dead proxy", variables(http_proxy=f"http://{_NOBODY}", HTTP_PROXY=f"http://{_NOBODY}"),
          (_READ, _PROMOTE)),
    Fault("ledger on a dead PostgreSQL", variables(ASSAY_DATABASE_URL=f"postgresql+psycopg2://a@{_NOBODY}/b"),
          (("init",), _READ, _PROMOTE)),
    Fault("a database that another program holds", held, (_READ, _PROMOTE, _RUN)),
    Fault("a database of a newer MLflow", stated("mlflow.db", "UPDATE alembic_version SET version_num = 'ffff0000'"),
          (("init",), _READ, _PROMOTE)),
    Fault("a ledger that is no database", written("assay.db", content=b"\0" * 8192), (_READ, _PROMOTE)),
    Fault("an experiment deleted in MLflow", deleted, (_RUN, ("reconcile",))),
    Fault("a model renamed in MLflow", renamed, (_READ, _RUN)),
    Fault("an unmounted DVC cache", unmounted, (("simulate", NAME), ("train", NAME))),
    Fault("a broken BENTOML_CONFIG", variables(BENTOML_CONFIG="/nowhere.yaml"), (_PROMOTE,)),
    Fault("PYTHONWARNINGS=error", variables(PYTHONWARNINGS="error"), (_READ, _PROMOTE)),
    Fault("PYTHONOPTIMIZE=2", variables(PYTHONOPTIMIZE="2"), (_READ, _PROMOTE)),
)  # fmt: skip


def main() -> None:
    """Print seconds, exit status and last line of every command under every fault."""
    with tempfile.TemporaryDirectory() as folder:
        whole = candidates(Path(folder), 2)
        for stage, more in (("staging", ()), ("production", ("--first",))):
            done = promote(whole, 1, stage, *more)
            if done.returncode:
                raise SystemExit(done.stderr)
        for number, fault in enumerate(FAULTS):
            print(f"{fault.said}", flush=True)
            copied = Path(folder) / f"{number}"
            copytree(whole.root, copied, symlinks=True)
            house = Workspace(root=copied, home=copied / whole.home.relative_to(whole.root))
            environment = fault.make(house)
            for command in fault.commands:
                start = time.monotonic()
                ended = assay(house, *command, **environment)
                last = (ended.stderr.strip().splitlines() or ended.stdout.strip().splitlines() or [""])[-1]
                print(f"  {time.monotonic() - start:5.1f} s  {ended.returncode}  {command[0]:<10} {last}", flush=True)


if __name__ == "__main__":
    main()
