"""Skies around the Galactic Centre a second and core, beside the straightforward way to draw them.

python -m benchmarks skies

Straightforward: one sky after another, its templates worked out anew, sources outside of the field drawn again.
Both draw Poisson counts. Ratios are those of the best of several alternating runs.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage, signal, special, stats

from components.fields import row_seeds
from components.simulators.galactic_centre import Array, GalacticCentreSettings, draw_skies
from tests.model.simulators.test_galactic_centre import EXERCISE

_SKIES = 256
_RUNS = 5


def main() -> None:
    """Print milliseconds a sky."""
    rng = np.random.default_rng(2)

    def ours() -> Any:
        return rng.poisson(draw_skies(EXERCISE, row_seeds([1], np.arange(_SKIES))).expected_bhw)

    def plain() -> Any:
        return np.stack([_plain_sky(EXERCISE, rng) for _ in range(_SKIES // 8)])

    milliseconds: dict[str, list[float]] = {"ours": [], "straightforward": []}
    means = {}
    for _ in range(_RUNS):
        for name, draw in (("ours", ours), ("straightforward", plain)):
            took, counts = _timed(draw)
            milliseconds[name].append(1e3 * took / len(counts))
            means[name] = counts.mean()
    best = {name: min(of) for name, of in milliseconds.items()}
    for name, of in best.items():
        print(f"{name:<16} {of:6.2f} ms a sky, {means[name]:.1f} counts a pixel")
    print(f"ratio {best['straightforward'] / best['ours']:.1f}")


def _timed(draw: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of all cores together, and what was drawn."""
    began = time.process_time()
    counts = draw()
    return time.process_time() - began, counts


def _plain_sky(settings: GalacticCentreSettings, rng: np.random.Generator) -> Any:
    x, y = np.meshgrid(settings.places, settings.places)
    matter, light, gas, bubbles = settings.dark_matter, settings.inverse_compton, settings.gas, settings.bubbles
    amplitude = rng.uniform(*settings.amplitude, 4)
    sky = amplitude[0] * matter.brightness * stats.gamma.pdf(np.hypot(x, y), matter.shape, scale=matter.scale)
    smooth = ndimage.gaussian_filter(rng.normal(size=x.shape), gas.smoothing / settings.pixel_scale)
    ellipse = np.exp(-((x / gas.width) ** 2)) * np.exp(-((y / gas.height) ** 2))
    sky += amplitude[1] * gas.brightness * np.exp(smooth / gas.softness) * ellipse
    sky += amplitude[2] * light.brightness * np.exp(-np.abs(y) / light.height)
    (north, east, least), (south, west, most) = bubbles.north, bubbles.south
    upper = north * (np.cosh((-x - east) / north) - 1) + least
    lower = -south * (np.cosh((-x - west) / south) - 1) - most
    inside = np.where(y > 0, special.expit((y - upper) / bubbles.edge), special.expit((lower - y) / bubbles.edge))
    sky += amplitude[3] * bubbles.brightness * inside
    for law, places in ((settings.centre_sources, _near_centre), (settings.disk_sources, _in_disk)):
        across = _within(settings, rng, int(rng.integers(law.count[0], law.count[1] + 1)), places)
        column, row = np.floor((across + settings.half_width) / settings.pixel_scale).astype(int)
        flux = rng.lognormal(settings.source_flux.mean, settings.source_flux.sd, len(row))
        np.add.at(sky, (row, column), flux)
    reach = np.arange(settings.psf_pixels) - settings.psf_pixels // 2
    kernel = np.exp(-0.5 * np.hypot(*np.meshgrid(reach, reach)) ** 2 * (settings.pixel_scale / settings.psf_sigma) ** 2)
    return rng.poisson(signal.convolve2d(sky, kernel, mode="same"))


def _within(settings: GalacticCentreSettings, rng: np.random.Generator, count: int, places: Any) -> Array:
    found = np.empty((2, 0))
    while found.shape[1] < count:
        drawn = places(settings, rng, count)
        found = np.concatenate([found, drawn[:, (np.abs(drawn) < settings.half_width).all(axis=0)]], axis=1)
    return found[:, :count]


def _near_centre(settings: GalacticCentreSettings, rng: np.random.Generator, count: int) -> Array:
    law = settings.centre_sources
    radius, angle = rng.gamma(law.shape, law.scale, count), rng.uniform(0, 2 * np.pi, count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)])


def _in_disk(settings: GalacticCentreSettings, rng: np.random.Generator, count: int) -> Array:
    law = settings.disk_sources
    radius, angle = rng.exponential(law.length, count), rng.uniform(0, 2 * np.pi, count)
    return np.stack([radius * np.cos(angle), rng.exponential(law.height, count) * rng.choice([-1, 1], count)])


if __name__ == "__main__":
    main()
