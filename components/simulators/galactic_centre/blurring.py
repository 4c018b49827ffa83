"""The PSF, and what makes clouds of white noise: Gaussian kernels along rows and columns, as matrices.

blurred_bhw = matrix @ map_bhw @ matrix.T                 # matrix = psf_matrix(settings)
"""

import math

import numpy as np

from components.simulators.galactic_centre.prior import Array, GalacticCentreSettings

__label__ = "galactic_centre_blurring"

_REACH = 4
"""Standard deviations that a kernel of clouds is followed to."""


def psf_matrix(settings: GalacticCentreSettings) -> Array:
    """The PSF along one axis, shape (size, size); what falls over the edge is lost."""
    kernel = _gaussian(settings.psf_sigma / settings.pixel_scale, settings.psf_pixels // 2)
    return _spread(kernel / (kernel.sum() if settings.psf_sum == "one" else 1.0), settings.size)


def cloud_matrix(settings: GalacticCentreSettings) -> Array:
    """What smooths white noise along one axis, shape (size, size), each row's weights summing to 1."""
    sigma = settings.gas.smoothing / settings.pixel_scale
    matrix = _spread(_gaussian(sigma, math.ceil(_REACH * sigma)), settings.size)
    smoothing: Array = matrix / matrix.sum(axis=1, keepdims=True)
    return smoothing


def _gaussian(sigma: float, reach: int) -> Array:
    kernel: Array = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return kernel


def _spread(kernel: Array, size: int) -> Array:
    reach = len(kernel) // 2
    apart = np.arange(size)[:, None] - np.arange(size)
    near = np.abs(apart) <= reach
    return np.where(near, kernel[np.where(near, apart + reach, 0)], 0.0)
