"""Where the code that runs lies, whether it was written to, and that a workspace's results come from its own.

    check_own_code(workspace.root)
    house_state(HOUSE) == before                # nobody wrote to any file of ours since

A result names the commit of its workspace. With another clone's environment active, or in a folder without code, what
runs would be another's, which that commit does not name.
"""

import os
from contextlib import suppress
from pathlib import Path

from components.core.errors import AssayError
from components.core.file_states import FileState, state_of

__label__ = None

HOUSE = Path(__file__).resolve().parents[2]
"""The folder of the packages that run."""
PACKAGES = ("assay", "components", "flows", "models", "services")
"""The code of Assay."""
DECIDING = ("components", "models", "services", "flows", "tests")
"""Where modules lie that a result may come from; of tests, the toys."""


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


def house_state(root: Path) -> tuple[FileState, ...]:
    """What tells whether any file of ours below a folder is another than before, in folders that are links, too."""
    walks = (os.walk(root / ours, followlinks=True) for ours in DECIDING)
    files = (Path(folder, name) for walk in walks for folder, _, names in walk for name in names)
    found = []
    for file in files:
        if file.suffix not in (".pyc", ".so"):
            with suppress(FileNotFoundError):  # an editor's, gone again; a link to nowhere
                found.append(state_of(file))
    return tuple(sorted(found))
