"""A folder of HST galaxies that GalSim knows how to read.

catalogue = open_real_galaxies(folder)           # a galsim.RealGalaxyCatalog
"""

from pathlib import Path
from typing import Any

from components.core import AssayError

__label__ = "real_catalogue"

_CATALOGUE = "real_galaxy_catalog.fits"


def open_real_galaxies(folder: Path) -> Any:
    """The catalogue in a folder.

    Raises:
        AssayError: when there is none.
    """
    import galsim

    if not (folder / _CATALOGUE).is_file():
        raise AssayError(
            f"real_galaxies = {str(folder)!r}: has no {_CATALOGUE}: name a galsim.RealGalaxyCatalog's folder"
        )
    return galsim.RealGalaxyCatalog(_CATALOGUE, dir=str(folder))
