"""Flux and half-light radius by `sep`, the library of SExtractor's routines (Bertin & Arnouts 1996; Barbary 2016).

    photometry_bq = kron_photometry(images, sigma_b, settings)          # flux in 1e5 counts, radius in arcsec

What SExtractor calls FLUX_AUTO and FLUX_RADIUS, with its default parameters: the flux within 2.5 Kron radii (Kron
1980), and the radius of the circle that holds half of that. Both are of the image after the PSF, and the ellipse holds
less than the whole flux, the less the wider the wings: neither is a parameter of a Sérsic profile.
"""

import numpy as np

from components.simulators.sersic.prior import FLUX_UNIT, Array, Image, SersicSettings

__label__ = "sep_photometry"

_THRESHOLD, _LEAST_PIXELS = 1.5, 5
"""SExtractor's defaults: an object is five neighbouring pixels that are 1.5 σ above the sky."""
_KRON, _LEAST_KRON = 2.5, 3.5
"""Its PHOT_AUTOPARAMS: the ellipse in Kron radii, and the least of it in units of the object's own axes."""
_WITHIN = 6.0
"""Axes of the object, within which light counts for the Kron radius and that of half the light."""


def kron_photometry(images: Image | Array, sigma_b: Array, settings: SersicSettings) -> Array:
    """Measure the object nearest to the middle of each stamp.

    Args:
        images: without sky, counts, shape (b, size, size).
        sigma_b: noise of a pixel that detection reckons with, counts.
        settings: camera.

    Returns:
        Flux in units of 1e5 counts and half-light radius in arcseconds, shape (b, 2); NaN where nothing is found.
    """
    import sep

    middle = (settings.size - 1) / 2
    found = np.full((len(images), 2), np.nan)
    for row, (image, sigma) in enumerate(zip(images, sigma_b, strict=True)):
        stamp = np.ascontiguousarray(image, dtype=np.float64)
        objects = sep.extract(stamp, _THRESHOLD, err=float(sigma), minarea=_LEAST_PIXELS)
        if not len(objects):
            continue
        nearest = np.argmin(np.hypot(objects["x"] - middle, objects["y"] - middle))
        x, y, a, b, theta = (objects[name][[nearest]] for name in ("x", "y", "a", "b", "theta"))
        kron, _ = sep.kron_radius(stamp, x, y, a, b, theta, _WITHIN)
        flux, _, _ = sep.sum_ellipse(stamp, x, y, a, b, theta, np.maximum(_KRON * kron, _LEAST_KRON))
        radius, _ = sep.flux_radius(stamp, x, y, _WITHIN * a, 0.5, normflux=flux)
        found[row] = flux[0] / FLUX_UNIT, radius[0] * settings.pixel_scale
    return found
