"""The command `assay`, before any other module: its packages must be the ones that lie beside this one.

assay run galaxy-shape                # or: python -m assay run galaxy-shape

They have names that others use too (`models`, `flows`), and Python takes the first one that it finds: on PYTHONPATH, or
in another clone's environment. What ran then would be neither ours nor what the recorded commit names.
"""

import atexit
import gc
import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

__label__ = None

_HOUSE = Path(__file__).resolve().parents[1]
_PACKAGES = ("components", "flows", "models", "services")


def main() -> None:
    """Run the command line, if all of it is ours."""
    # Without assertions and docstrings nothing here was tested, `--help` is empty, and all libraries are compiled anew.
    if os.environ.pop("PYTHONOPTIMIZE", "") and sys.flags.optimize:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very command
    for name in _PACKAGES:
        found = find_spec(name)
        origin = found and (found.origin or next(iter(found.submodule_search_locations or ()), None))
        where = Path(origin).resolve() if origin else None
        if where is None or _HOUSE / name not in (where, where.parent):
            sys.exit(
                f"assay: Python takes `{name}` from {where or 'nowhere'}, not from {_HOUSE / name}: take that folder "
                f"off PYTHONPATH, or type `make setup` in {_HOUSE} and use its .venv/bin/assay"
            )
    # PYTHONWARNINGS=error is for somebody's own code: here it would end a command at a library's next deprecation.
    # So are the processes that it starts, which take both from here.
    os.environ.pop("PYTHONWARNINGS", None)
    if sys.warnoptions:
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)
    try:
        from flows.cli import main as run
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in (*_PACKAGES, __package__):
            raise
        sys.exit(f"assay: {error.name} is not installed, only the client is: type `make setup` in {_HOUSE}")

    # The interpreter would search all that torch and MLflow made for cycles once more before it ends: a second or two.
    atexit.register(gc.freeze)
    run()


if __name__ == "__main__":
    main()
