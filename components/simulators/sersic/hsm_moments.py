"""Adaptive moments by `galsim.hsm`: the size and the shape of a galaxy as it is seen, with no profile assumed.

    moments_bq = adaptive_moments(images, pixel_scale)         # size in arcsec, g1, g2

The moments are those under the elliptical Gaussian that matches the image best (Bernstein & Jarvis 2002; Hirata &
Seljak 2003), of the image after the PSF. HSM can correct a shape for that (REGAUSS), to some percent, and not for
galaxies much smaller than the PSF: it gives up on one in eight of the prior's under a PSF of 0.75 arcsec. Whoever
compares two images under one PSF needs no correction.
"""

import numpy as np

from components.simulators.sersic.prior import Array, Image

__label__ = "hsm_moments"


def adaptive_moments(images: Image | Array, pixel_scale: float) -> Array:
    """Measure galaxies in the middle of their stamps.

    Args:
        images: without sky, shape (b, size, size).
        pixel_scale: arcseconds a pixel.

    Returns:
        (det M)^¼ in arcseconds, and the reduced shear g1, g2 of the ellipse, shape (b, 3); NaN where the iteration does
        not converge.
    """
    import galsim

    found = np.full((len(images), 3), np.nan)
    for row, image in enumerate(images):
        stamp = galsim.Image(np.ascontiguousarray(image, dtype=np.float64), scale=pixel_scale)
        moments = galsim.hsm.FindAdaptiveMom(stamp, strict=False)
        if moments.moments_status == 0:
            shape = moments.observed_shape
            found[row] = moments.moments_sigma * pixel_scale, shape.g1, shape.g2
    return found
