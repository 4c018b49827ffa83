"""Galaxies in torch: drawn, differentiated, scored; everything here works in batches, on any device.

* `rendering.py`: images and their exact derivatives, from `k_grid.py` and `tables.py`
* `parameters.py`: names, units and ranges, and the camera
* `pixel_noise.py`, `scoring.py`, `bias.py`: from an estimate to the maximum of the likelihood, and its first-order bias
* `drawing.py`: all of it for an estimator, from a plain dictionary
"""

from models.galaxies.bias import first_order_bias
from models.galaxies.drawing import GalaxyDrawing
from models.galaxies.parameters import CENTROID, INDEX_RANGE, LEAST_FWHM, SHAPE, Camera, Domain, check_parameters
from models.galaxies.pixel_noise import PixelNoise
from models.galaxies.rendering import render, render_rows, render_with_derivatives
from models.galaxies.scoring import score

__all__ = [
    "CENTROID",
    "INDEX_RANGE",
    "LEAST_FWHM",
    "SHAPE",
    "Camera",
    "Domain",
    "GalaxyDrawing",
    "PixelNoise",
    "check_parameters",
    "first_order_bias",
    "render",
    "render_rows",
    "render_with_derivatives",
    "score",
]
