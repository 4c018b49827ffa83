"""What must be there before the first step: every database, and libraries of the versions that Assay is made for."""

from importlib.metadata import requires, version

from packaging.requirements import Requirement

from components.core import AssayError, Workspace
from components.ledger import open_ledger
from components.registry import Registry
from components.training import create_storage


def check_versions() -> dict[str, str]:
    """Installed version of each library of the pipeline.

    Raises:
        AssayError: when one is outside the range of pyproject.toml.
    """
    installed = {}
    for text in requires("assay") or []:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": "pipeline"}):
            continue
        if wanted.name == "assay":
            continue
        installed[wanted.name] = version(wanted.name)
        if not wanted.specifier.contains(installed[wanted.name], prereleases=True):
            raise AssayError(
                f"{wanted.name} is {installed[wanted.name]} and must be {wanted.specifier}: type `make setup`"
            )
    return installed


def create_databases(workspace: Workspace) -> None:
    """Make the ledger's, MLflow's and Optuna's tables where they are not there yet.

    Raises:
        AssayError: when those that are there are another version's.
    """
    open_ledger(workspace)
    registry = Registry(workspace)
    registry.create()
    registry.check()
    create_storage(workspace)
