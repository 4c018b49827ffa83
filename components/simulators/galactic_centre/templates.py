"""The diffuse components: counts a pixel at an amplitude of 1, before the PSF.

    template_khw = steady_templates(settings)              # in the order of AMPLITUDES
    template_khw[1] * np.exp(clouds(settings, noise_bhw) / settings.gas.softness)      # the gas of each sky

All but the gas are the same in every sky.
"""

import numpy as np
from scipy import special, stats

from components.simulators.galactic_centre.blurring import cloud_matrix
from components.simulators.galactic_centre.prior import Array, GalacticCentreSettings

__label__ = "galactic_centre_templates"


def steady_templates(settings: GalacticCentreSettings) -> Array:
    """Dark matter, the gas without its clouds, inverse Compton light and bubbles, shape (4, size, size)."""
    return templates_at(settings, settings.places[None, :], settings.places[:, None])


def rotated_templates(settings: GalacticCentreSettings, angle_b: Array) -> Array:
    """The same as seen by turned cameras, shape (b, 4, size, size).

    Args:
        settings: the components and the camera.
        angle_b: by which skies are turned against the image, radians.
    """
    cosine_b, sine_b = np.cos(angle_b)[:, None, None], np.sin(angle_b)[:, None, None]
    right, up = settings.places[None, :], settings.places[:, None]
    found = templates_at(settings, cosine_b * right + sine_b * up, cosine_b * up - sine_b * right)
    return found.swapaxes(0, 1)


def templates_at(settings: GalacticCentreSettings, x: Array, y: Array) -> Array:
    """The four at places, in degrees along the plane and across it, shape (4, …) as both together."""
    matter, light, gas = settings.dark_matter, settings.inverse_compton, settings.gas
    # A density of shape below 1 is infinite in the centre, where a grid of an even size has no pixel.
    dark = matter.brightness * stats.gamma.pdf(np.hypot(x, y), matter.shape, scale=matter.scale)
    ellipse = gas.brightness * np.exp(-((x / gas.width) ** 2) - (y / gas.height) ** 2)
    compton = light.brightness * np.exp(-np.abs(y) / light.height) + 0 * x
    return np.stack([dark, ellipse, compton, _bubbles(settings, x, y)])


def clouds(settings: GalacticCentreSettings, noise_bhw: Array) -> Array:
    """What makes the gas denser than its ellipse, by exp(this / softness), shape (b, size, size).

    Args:
        settings: the gas.
        noise_bhw: independent standard normal numbers.
    """
    matrix = cloud_matrix(settings)
    smooth_bhw: Array = matrix @ noise_bhw @ matrix.T
    return smooth_bhw


def _bubbles(settings: GalacticCentreSettings, x: Array, y: Array) -> Array:
    bubbles = settings.bubbles
    (north, east, least), (south, west, most) = bubbles.north, bubbles.south
    upper = north * (np.cosh((-x - east) / north) - 1) + least
    lower = -south * (np.cosh((-x - west) / south) - 1) - most
    inside = np.where(y > 0, special.expit((y - upper) / bubbles.edge), special.expit((lower - y) / bubbles.edge))
    found: Array = bubbles.brightness * inside
    return found
