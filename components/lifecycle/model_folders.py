"""The files of a version's model, wherever they still are.

folder = model_files(workspace, "galaxy-shape", 3)
"""

from pathlib import Path

from components.core import AssayError, Workspace
from components.ledger import open_ledger, registered_tags
from components.lifecycle.package_files import package_of
from components.registry import Registry


def model_files(workspace: Workspace, problem: str, version: int) -> Path:
    """MLflow's copy, or where MLflow lost it the one that answers: that in the version's package.

    Both are held against the ledger: weights and description must be those that were registered.

    Raises:
        AssayError: when neither is there whole; the message names the file that MLflow lost.
    """
    ledger = open_ledger(workspace)
    recorded = registered_tags(ledger.history(problem)).get(version)
    try:
        return Registry(workspace).model_folder(problem, version, recorded=recorded)
    except AssayError:
        entry = ledger.current(problem).get(version)
        if entry is None or entry.package_tag is None:
            raise
        return package_of(workspace, entry).model
