"""The kind `deblurred`: an image as it was before a known PSF and noise, with the error of each pixel.

* `estimator.py`: units, errors and doubts; `restoring.py`: the network; `psf.py`: the PSF that is given;
  `blurring.py`: what PSFs do
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.deblurred.blurring import blurred, correlated, kolmogorov_psf, regularised, transfer
from models.estimators.deblurred.estimator import LOSSES, TESTS, DeblurredEstimator
from models.map_networks import map_network_module

__label__ = "deblurred_kind"
__all__ = [
    "LOSSES",
    "TESTS",
    "DeblurredEstimator",
    "blurred",
    "build",
    "correlated",
    "kolmogorov_psf",
    "modules",
    "regularised",
    "transfer",
]


def build(config: Mapping[str, Any]) -> DeblurredEstimator:
    """An estimator of an image before PSF and noise."""
    return DeblurredEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, map_network_module(config["network"]))
