"""The likelihood and the posterior of an image, compiled: what scoring.py and posterior.py work with.

* `fit.h`, `room.c`: what all share; `transform.c`, `spectrum.c`: images and derivatives, as rendering.py draws them
* `likelihood.c`, `step.c`, `search.c`: the likelihood around a galaxy, one step, and steps until they have converged
* `covariance.c`: that of the maximum; `prior.c`, `posterior.c`: the same search where a prior counts, and the weight of
  places on its scale
* `residual.h`, `maps.c`, `source.c`, `residual.c`: what an image holds that no galaxy explains
* `library.py`: all of these as one library, built when first needed
* `running.py`, `folding.py`, `structures.py`: how images are handed to it, and what it finds is handed back
"""

from models.galaxies.fitting.library import NoCompilerError, library, place_library
from models.galaxies.fitting.running import Array, Pointer, Work, work_by_axis
from models.galaxies.fitting.structures import Batch, ExaminedPointers, Found, Grid, limits_of, prior_of, profile_tables

__all__ = [
    "Array",
    "Batch",
    "ExaminedPointers",
    "Found",
    "Grid",
    "NoCompilerError",
    "Pointer",
    "Work",
    "library",
    "limits_of",
    "place_library",
    "prior_of",
    "profile_tables",
    "work_by_axis",
]
