"""Draw galaxies: bulge, disk, logarithmic arms, bar and ring, through a PSF; and the arms' mask.

    light_bhw, mask_bhw = draw_galaxies(Galaxies(…), size=64)

Of arms p = exp(κ (cos m(θ − θ₀ − s ln(R/h)/tan ψ) − 1)), those of a logarithmic spiral of pitch ψ (Kennicutt 1981, eq.
1); a pixel belongs to them where p is above a half and their light not much fainter than at its brightest. S arms turn
clockwise outwards as an image is looked at, with its first row on top. Shape suffixes: b galaxies, h height, w width.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gamma

__label__ = "spiral_drawing"

_FWHM = 2.3548
"""Of a Gaussian over its standard deviation."""
_SALIENT = 0.15
"""Of the arms' brightest light: where it is fainter, nobody would draw an arm."""
_FINER = 2
"""Points of a pixel on either axis at which light is computed."""

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Galaxies:
    """One number each, shape (b,); lengths in pixels, angles in radians."""

    x: Numbers
    """Of the middle, from that of the image."""
    y: Numbers
    angle: Numbers
    """Of the long axis from the rows."""
    axis_ratio: Numbers
    disk_scale: Numbers
    disk: Numbers
    """Share of the light before arms, bar and ring; the rest is the bulge's."""
    bulge_radius: Numbers
    """Half-light radius."""
    bulge_index: Numbers
    """Sérsic's."""
    bulge_ratio: Numbers
    """Its axis ratio."""
    arms: Numbers
    """Number; 0 for none."""
    winding: Numbers
    """1 for S, −1 for Z."""
    pitch: Numbers
    contrast: Numbers
    sharpness: Numbers
    phase: Numbers
    inner: Numbers
    """Radius at which arms begin, in scale lengths."""
    outer: Numbers
    lopsided: Numbers
    """By how much of themselves arms are brighter on one side."""
    bar: Numbers
    """Share of the light, and its length in scale lengths."""
    bar_length: Numbers
    ring: Numbers
    """Brightness over the disk's there, and its radius in scale lengths."""
    ring_radius: Numbers
    psf_fwhm: Numbers


def draw_galaxies(of: Galaxies, *, size: int) -> tuple[Numbers, Numbers]:
    """Light of √(Σ p²) = 1, and 1 where arms are, shape (b, size, size) each."""
    place = (np.arange(size * _FINER) + 0.5) / _FINER - size / 2
    right, down = place[None, None, :] - _wide(of.x), place[None, :, None] - _wide(of.y)
    cosine, sine = np.cos(_wide(of.angle)), np.sin(_wide(of.angle))
    along, across = cosine * right + sine * down, cosine * down - sine * right
    radius = np.hypot(along, across / _wide(of.axis_ratio)) / _wide(of.disk_scale)
    # Upwards is against the rows.
    angle = np.arctan2(-across / _wide(of.axis_ratio), along)
    disk = np.exp(-radius)
    disk /= 2 * np.pi * _wide(of.disk_scale**2 * of.axis_ratio) * _FINER**2
    arms = _crests(of, radius, angle) * _envelope(radius, _wide(of.inner), _wide(of.outer)) * (_wide(of.arms) > 0)
    light = (
        _wide(of.disk)
        * disk
        * (
            1
            + _wide(of.contrast) * (1 + _wide(of.lopsided) * np.cos(angle - _wide(of.phase))) * arms
            + _wide(of.ring) * np.exp(-0.5 * ((radius - _wide(of.ring_radius)) / 0.25) ** 2)
        )
    )
    light += _bulge(of, along, across) * (1 - _wide(of.disk)) + _bar(of, along, across)
    fine = (len(of.x), size, _FINER, size, _FINER)
    light_bhw = light.reshape(fine).sum(axis=(2, 4))
    arms_bhw, of_arms_bhw = (found.reshape(fine).mean(axis=(2, 4)) for found in (arms, arms * disk))
    seen_bhw = of_arms_bhw >= _SALIENT * of_arms_bhw.max(axis=(1, 2), keepdims=True)
    light_bhw = through_psf(light_bhw, of.psf_fwhm)
    return normalised(light_bhw), ((arms_bhw > 0.5) & seen_bhw).astype(np.float64)


def through_psf(light_bhw: Numbers, fwhm_b: Numbers) -> Numbers:
    """Gaussian PSFs, each image its own; images wrap around."""
    size = light_bhw.shape[1]
    squared = np.fft.fftfreq(size)[:, None] ** 2 + np.fft.rfftfreq(size) ** 2
    transfer = np.exp(-2 * np.pi**2 * squared * _wide(fwhm_b / _FWHM) ** 2)
    found: Numbers = np.fft.irfft2(np.fft.rfft2(light_bhw) * transfer, s=light_bhw.shape[1:])
    return found


def normalised(light_bhw: Numbers) -> Numbers:
    """Of √(Σ p²) = 1 each."""
    found: Numbers = light_bhw / np.sqrt(np.square(light_bhw).sum(axis=(1, 2), keepdims=True))
    return found


def _crests(of: Galaxies, radius: Numbers, angle: Numbers) -> Numbers:
    """From 0 between arms to 1 on them."""
    wound = -_wide(of.winding / np.tan(of.pitch)) * np.log(np.maximum(radius, 1e-3))
    turn = np.maximum(_wide(of.arms), 1) * (angle - _wide(of.phase) - wound)
    crests: Numbers = np.exp(_wide(of.sharpness) * (np.cos(turn) - 1))
    return crests


def _envelope(radius: Numbers, inner: Numbers, outer: Numbers) -> Numbers:
    """1 between the ends of arms, and down to 0 within a fifth beyond either."""
    rising = np.clip((radius / inner - 0.9) / 0.2, 0, 1)
    falling = np.clip((1.1 - radius / outer) / 0.2, 0, 1)
    found: Numbers = rising * falling
    return found


def _bulge(of: Galaxies, along: Numbers, across: Numbers) -> Numbers:
    """After Sérsic (1963), of light 1."""
    index, size = of.bulge_index, of.bulge_radius
    b = 2 * index - 1 / 3 + 0.009876 / index  # Prugniel & Simien 1997
    whole = 2 * np.pi * index * np.exp(b) * b ** (-2 * index) * gamma(2 * index) * size**2 * of.bulge_ratio
    radius = np.hypot(along, across / _wide(of.bulge_ratio)) / _wide(size)
    profile = np.exp(-_wide(b) * (np.maximum(radius, 0.05) ** (1 / _wide(index)) - 1))
    found: Numbers = profile / _wide(whole) / _FINER**2
    return found


def _bar(of: Galaxies, along: Numbers, across: Numbers) -> Numbers:
    """A Ferrers bar, (1 − r²)², at the phase at which arms begin, of light `bar`."""
    towards = np.stack([np.cos(of.phase), -np.sin(of.phase)])
    flat = across / _wide(of.axis_ratio)
    length = _wide(of.bar_length * of.disk_scale)
    lengthwise = (along * _wide(towards[0]) + flat * _wide(towards[1])) / length
    crosswise = (flat * _wide(towards[0]) - along * _wide(towards[1])) / (0.3 * length)
    profile = np.maximum(1 - lengthwise**2 - crosswise**2, 0) ** 2
    found: Numbers = _wide(of.bar) * profile / np.maximum(profile.sum(axis=(1, 2), keepdims=True), 1e-12)
    return found


def _wide(number_b: Numbers) -> Numbers:
    return number_b[:, None, None]
