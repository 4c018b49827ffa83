"""The Cramér–Rao bound: the least error that an unbiased estimator can have on one image.

    crb = cramer_rao_bound(fisher_matrix(derivatives, variance))

F_ab = Σᵢ ∂ₐpᵢ ∂_bpᵢ / σᵢ² for independent Gaussian pixels (Kay 1993, eq. 3.31, with the noise's own dependence on
the parameters left out, as is usual for a variance that the noise level dominates).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def central_differences(draw: Callable[..., Array], at: Mapping[str, float], steps: Mapping[str, float]) -> Array:
    """Derivatives of an image by each parameter, by central differences.

    Args:
        draw: from parameters (keywords) to an image.
        at: every argument of `draw`.
        steps: half the distance between the two images, for each parameter to derive by.

    Returns:
        Shape (parameters, height, width), in the order of `steps`.
    """
    derivatives = []
    for name, step in steps.items():
        above = draw(**{**at, name: at[name] + step})
        below = draw(**{**at, name: at[name] - step})
        derivatives.append((above - below) / (2 * step))
    return np.stack(derivatives)


def fisher_matrix(derivatives: Array, variance: Array | float) -> Array:
    """Fisher matrix of one image.

    Args:
        derivatives: of the noise-free image by each parameter, shape (parameters, height, width).
        variance: of each pixel's noise, a number or shape (height, width).

    Returns:
        Shape (parameters, parameters).
    """
    flat: Array = derivatives.reshape(len(derivatives), -1)
    weights = np.broadcast_to(1 / np.asarray(variance, dtype=np.float64), derivatives.shape[1:]).ravel()
    fisher: Array = np.matmul(flat * weights, flat.T)
    return fisher


def cramer_rao_bound(fisher: Array) -> Array:
    """√diag F⁻¹ for each parameter; infinite where the image does not tell the parameters apart."""
    scale = np.sqrt(np.diagonal(fisher, axis1=-2, axis2=-1))  # parameters differ by orders of magnitude
    if not np.all(scale > 0):
        return np.full(scale.shape, np.inf)
    correlation = fisher / np.outer(scale, scale)
    try:
        variance = np.diagonal(np.linalg.inv(correlation)).copy()
    except np.linalg.LinAlgError:
        return np.full(scale.shape, np.inf)
    variance[variance <= 0] = np.inf
    bound: Array = np.sqrt(variance) / scale
    return bound
