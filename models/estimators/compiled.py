"""What answers take that this machine compiles, put among the code of a package.

place_compiled(package_source)
"""

from pathlib import Path

import models.galaxies.fitting
from models.galaxies import NoCompilerError, place_library

__label__ = None
__all__ = ["NoCompilerError", "place_compiled"]

_ROOT = Path(__file__).resolve().parents[2]


def place_compiled(root: Path) -> None:
    """Put compiled libraries where their sources were copied to, below another root; where none were, nothing.

    Raises:
        NoCompilerError: when one must be built and cannot be.
    """
    folder = root / Path(models.galaxies.fitting.__file__).resolve().parent.relative_to(_ROOT)
    if folder.is_dir():
        place_library(folder)
