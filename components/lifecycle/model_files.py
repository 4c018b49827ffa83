"""The files of a version's model, wherever they still are.

folder = model_files(workspace, "galaxy-shape", 3)
"""

from pathlib import Path

from components.core import AssayError, Workspace
from components.ledger import open_ledger
from components.packages import verify_package
from components.registry import Registry


def model_files(workspace: Workspace, problem: str, version: int) -> Path:
    """MLflow's copy, or where MLflow lost it the one that answers: that in the version's package.

    Raises:
        AssayError: when neither is there whole; the message names the file that MLflow lost.
    """
    try:
        return Registry(workspace).model_folder(problem, version)
    except AssayError:
        entry = open_ledger(workspace).current(problem).get(version)
        if entry is None or entry.package_tag is None:
            raise
        return verify_package(workspace, entry.package_tag, digest=entry.package_digest).model
