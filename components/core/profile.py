"""`profile` of params.yaml: `local`, where the state folder has everything, or `cluster`, where machines share it.

    is_cluster(root)                                # whether params.yaml says `profile: cluster`
    check_addresses(database=…, optuna=…, tracking=…)        # an AssayError where a cluster could not use one

Which addresses there are stands in docs/cluster.md; whether somebody answers there, `assay init` finds out.
"""

import re
from functools import lru_cache
from pathlib import Path

from components.core.environment import variable
from components.core.errors import AssayError
from components.core.params import read_profile
from components.core.postgresql import is_postgresql, shown_address

__label__ = None

ARTIFACT_ROOT = "ASSAY_ARTIFACT_ROOT"
"""Where files of MLflow go when no MLflow server decides that."""
PREFECT = "PREFECT_API_URL"
_NAMED = re.compile(r"^[^#\n]*\bcluster\b", re.MULTILINE)
"""Whether the word is in params.yaml outside of comments: all of it is parsed only then."""


def is_cluster(root: Path) -> bool:
    """Whether the params.yaml of a folder says so; a folder without one is of no cluster."""
    path = root / "params.yaml"
    return path.is_file() and _says_cluster(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _says_cluster(path: Path, _changed_ns: int) -> bool:
    return bool(_NAMED.search(path.read_text(encoding="utf-8"))) and read_profile(path) == "cluster"


def check_addresses(*, database: str, optuna: str, tracking: str) -> None:
    """See that every address is one that other machines can use.

    Args:
        database: of the ledger.
        optuna: of the searches.
        tracking: MLflow's.

    Raises:
        AssayError: naming those that are not, or two that must not be the same.
    """
    databases = {"ASSAY_DATABASE_URL": database, "ASSAY_OPTUNA_URL": optuna}
    wrong = [name for name, url in databases.items() if not is_postgresql(url)]
    if not (is_postgresql(tracking) or tracking.startswith(("http://", "https://"))):
        wrong.append("MLFLOW_TRACKING_URI")
    elif is_postgresql(tracking) and variable(ARTIFACT_ROOT) is None:
        wrong.append(ARTIFACT_ROOT)
    if variable(PREFECT) is None:
        wrong.append(PREFECT)
    if not wrong and tracking == optuna:
        raise AssayError(
            "MLFLOW_TRACKING_URI and ASSAY_OPTUNA_URL name one database, and each of the two takes the other's table "
            "`alembic_version` for its own: give each a database of its own"
        )
    if wrong:
        given = {**databases, "MLFLOW_TRACKING_URI": tracking}.get(wrong[0])
        now = f" (it is {shown_address(given)})" if given else ""
        raise AssayError(
            f"params.yaml says profile: cluster, and {' and '.join(wrong)} must name what all machines share{now}",
            "set what is missing as docs/cluster.md says, or say profile: local",
        )
