"""The manifest of a package: which model it holds, and what that takes and answers.

    manifest = read_manifest(source)     # {"model": …, "code": {label: digest}, "inputs": […], "outputs": […]}

Whether files are what was packaged, the manifest among them, stands in `verify.py`.
"""

import json
from pathlib import Path
from typing import Any

from services.verify import DamagedPackageError

MODEL = "model"
"""The folder of a package's source that holds what is no code."""
MANIFEST = f"{MODEL}/package.json"


def read_manifest(source: Path) -> dict[str, Any]:
    """The manifest of a package.

    Args:
        source: the folder that holds services/, models/ and model/.

    Raises:
        DamagedPackageError: when it is missing or none.
    """
    path = source / MANIFEST
    try:
        manifest: dict[str, Any] = dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise DamagedPackageError(path, f"is missing or no manifest ({type(error).__name__})") from error
    return manifest
