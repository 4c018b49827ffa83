"""Whether everything that machines of a cluster share can be used from this one: a line for each that cannot.

for line in what_cannot_be_used(workspace, {"PREFECT_API_URL": check_prefect}):
print(line)
"""

from collections.abc import Callable, Mapping

from components.core import AssayError, Workspace, check_postgresql, is_postgresql
from components.data import check_remote
from components.problems import NAMES
from components.registry import Registry, check_files, check_owners


def what_cannot_be_used(workspace: Workspace, more: Mapping[str, Callable[[], None]]) -> list[str]:
    """Ask each of them once.

    Args:
        workspace: under `profile: cluster`, its environment active.
        more: checks of what is not met here, by what they are called; each raises an AssayError.

    Returns:
        What cannot be used and why, each beginning with the variable or file that names it.
    """

    def ask_mlflow() -> None:
        if is_postgresql(workspace.tracking_uri):
            check_postgresql(workspace.tracking_uri)
        else:
            Registry(workspace).check()

    faults = _faults(
        {
            "ASSAY_DATABASE_URL": lambda: check_postgresql(workspace.database_url),
            "ASSAY_OPTUNA_URL": lambda: check_postgresql(workspace.optuna_url),
            "MLFLOW_TRACKING_URI": ask_mlflow,
            ".dvc/config": lambda: check_remote(workspace),
            **more,
        }
    )
    if not any(line.startswith("MLFLOW_TRACKING_URI") for line in faults):
        faults += _faults({"MLflow's files": lambda: check_files(workspace)})
    return faults


def check_same_house(workspace: Workspace) -> None:
    """See that ledger and MLflow are of one Assay, once the tables of both are there.

    Raises:
        AssayError: when they are not.
    """
    check_owners(workspace, NAMES)


def _faults(checks: Mapping[str, Callable[[], None]]) -> list[str]:
    found = []
    for name, check in checks.items():
        try:
            check()
        except AssayError as error:
            found.append(f"{name}: {error}")
    return found
