"""What must be there before the first step: every database, and libraries of the versions that Assay is made for."""

from importlib.metadata import requires, version

from packaging.requirements import Requirement

from components.core import AssayError, Workspace
from components.ledger import Ledger, current_entries, registered_tags
from components.lifecycle.witness import unwitnessed
from components.problems import NAMES
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


def create_databases(workspace: Workspace) -> list[str]:
    """Make the ledger's, MLflow's and Optuna's tables where they are not there yet, and bring the ledger's up to date.

    Returns:
        What was changed in a ledger of an older Assay, a line each.

    Raises:
        AssayError: when those that are there are a newer Assay's, or another version's of a library.
    """
    ledger = Ledger(workspace.database_url)
    changed = ledger.create(upgrade=True)
    registry = Registry(workspace)
    registry.create()
    registry.check()
    if changed:  # MLflow learns which ledger it mirrors
        for name in NAMES:
            history = ledger.history(name)
            if history:
                why = unwitnessed(ledger, registry, name)
                if why is not None:
                    raise why
                registry.mirror(name, current_entries(history), registered_tags(history), only=set())
    with workspace.shared_lock("optuna.lock"):  # machines that make its tables at once fail
        create_storage(workspace)
    return changed
