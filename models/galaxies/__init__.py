"""Galaxies in batches: drawn and differentiated in torch on any device, and searched for in compiled code.

* `rendering.py`: images and their exact derivatives, from `k_grid.py` and `tables.py`
* `parameters.py`: names, units and ranges, and the camera
* `scoring.py`: from an estimate to the maximum of the likelihood; worked out in `fitting/`
* `examining.py`: what an image holds that no galaxy explains, and what moves its answer unseen
* `prior.py`, `posterior.py`: the prior's own scale; where a posterior has its mode on it, and how much galaxies weigh
* `drawing.py`: all of it for an estimator, from a plain dictionary
"""

from models.galaxies.drawing import GalaxyDrawing
from models.galaxies.examining import CHANGES, PLACES, REGIONS, Examined, examine
from models.galaxies.fitting import NoCompilerError, place_library
from models.galaxies.parameters import CENTROID, INDEX_RANGE, LEAST_FWHM, SHAPE, Camera, Domain, check_parameters
from models.galaxies.posterior import Modes
from models.galaxies.prior import GalaxyPrior
from models.galaxies.rendering import render, render_rows, render_with_derivatives
from models.galaxies.scoring import MOST_STEPS, Scored, score

__all__ = [
    "CENTROID",
    "CHANGES",
    "INDEX_RANGE",
    "LEAST_FWHM",
    "MOST_STEPS",
    "PLACES",
    "REGIONS",
    "SHAPE",
    "Camera",
    "Domain",
    "Examined",
    "GalaxyDrawing",
    "GalaxyPrior",
    "Modes",
    "NoCompilerError",
    "Scored",
    "check_parameters",
    "examine",
    "place_library",
    "render",
    "render_rows",
    "render_with_derivatives",
    "score",
]
