"""The maximum of an image's likelihood, compiled: what scoring.py works with.

* `fit.h`, `room.c`: what all share; `transform.c`, `spectrum.c`: images and derivatives, as rendering.py draws them
* `likelihood.c`, `step.c`, `search.c`: the likelihood around a galaxy, one step, and steps until they have converged
* `bias.c`: the covariance of the maximum, and its first-order bias
* `library.py`: all of these as one library, built when first needed
* `running.py`, `folding.py`, `structures.py`: how images are handed to it, and what it finds is handed back
"""

from models.galaxies.fitting.library import NoCompilerError, library, place_library
from models.galaxies.fitting.running import Array, Pointer, Work, work_by_axis
from models.galaxies.fitting.structures import Batch, Found, Grid, limits_of, profile_tables

__all__ = [
    "Array",
    "Batch",
    "Found",
    "Grid",
    "NoCompilerError",
    "Pointer",
    "Work",
    "library",
    "limits_of",
    "place_library",
    "profile_tables",
    "work_by_axis",
]
