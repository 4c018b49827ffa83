"""Galaxies in batches: drawn and differentiated in torch on any device, and searched for in compiled code.

* `rendering.py`: images and their exact derivatives, from `k_grid.py` and `tables.py`
* `parameters.py`: names, units and ranges, and the camera
* `scoring.py`: from an estimate to the maximum of the likelihood; worked out in `fitting/`
* `prior.py`, `posterior.py`: the prior's own scale; where a posterior has its mode on it, and how much galaxies weigh
* `drawing.py`: all of it for an estimator, from a plain dictionary
"""

from models.galaxies.drawing import GalaxyDrawing
from models.galaxies.fitting import NoCompilerError, place_library
from models.galaxies.parameters import CENTROID, INDEX_RANGE, LEAST_FWHM, SHAPE, Camera, Domain, check_parameters
from models.galaxies.posterior import Modes
from models.galaxies.prior import GalaxyPrior
from models.galaxies.rendering import render, render_rows, render_with_derivatives
from models.galaxies.scoring import MOST_STEPS, Scored, score

__all__ = [
    "CENTROID",
    "INDEX_RANGE",
    "LEAST_FWHM",
    "MOST_STEPS",
    "SHAPE",
    "Camera",
    "Domain",
    "GalaxyDrawing",
    "GalaxyPrior",
    "Modes",
    "NoCompilerError",
    "Scored",
    "check_parameters",
    "place_library",
    "render",
    "render_rows",
    "render_with_derivatives",
    "score",
]
