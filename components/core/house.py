"""Where the code that runs lies, and that a workspace's results come from its own.

    check_own_code(workspace.root)

A result names the commit of its workspace. With another clone's environment active, or in a folder without code, what
runs would be another's, which that commit does not name.
"""

from pathlib import Path

from components.core.errors import AssayError

__label__ = None

HOUSE = Path(__file__).resolve().parents[2]
"""The folder of the packages that run."""
PACKAGES = ("assay", "components", "flows", "models", "services")
"""The code of Assay."""


def check_own_code(root: Path) -> None:
    """See that the code that runs is the workspace's.

    Raises:
        AssayError: when the workspace has none, or code of its own that does not run.
    """
    if all((root / name).resolve() == HOUSE / name for name in PACKAGES):
        return
    if not any((root / name / "__init__.py").is_file() for name in PACKAGES):
        raise AssayError(
            f"{root} has a params.yaml and no code of Assay, and that of {HOUSE} would run, which no commit of {root} "
            f"names: change to {HOUSE}, or clone it"
        )
    raise AssayError(
        f"the code that runs is that of {HOUSE}, and you are in {root}, whose commits do not name it: "
        f"type `make setup` in {root} and use {root}/.venv/bin/assay, or change to {HOUSE}"
    )
