"""The reference regime: all of a galaxy is known but its class and arms, so that the best answer can be computed.

    bank = reference_bank(size=64, spirals_only=False)
    chances_bt = posterior(bank, image_bhw, snr_b)             # of each template, exactly
    classes_bk, mask_bhw = class_chances(bank, chances_bt), mask_chances(bank, chances_bt)

A galaxy is one of a bank of templates, in the middle, of one disk, inclination and PSF, without bar and neighbours, and
the prior is over these templates: it and the likelihood are what images were drawn by. Shape suffixes: b images, t
templates, k classes, h height, w width.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from scipy.special import softmax

from components.simulators.spirals.drawing import Galaxies, Numbers, draw_galaxies
from components.simulators.spirals.prior import CLASSES, ELLIPTICAL, LENTICULAR, S

__label__ = "spiral_reference"

_ARMS, _PITCHES, _PHASES, _CONTRASTS = (2.0, 3.0), np.radians(np.linspace(12, 30, 8)), 16, (2.0, 4.0)
_SCALE = 0.14
"""Scale length over the side of the image."""
_PSF = 0.04
"""FWHM over the side."""
_BLOCK = 64
"""Galaxies drawn at a time: 10 MB each array of theirs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bank:
    """All galaxies that there are in the regime."""

    light_thw: Numbers
    """Of √(Σ p²) = 1 each."""
    mask_thw: Numbers
    class_t: np.ndarray[Any, np.dtype[np.int64]]
    chance_t: Numbers
    """How likely each is before anything was seen: classes as the prior has them."""


@lru_cache(maxsize=4)
def reference_bank(*, size: int, spirals_only: bool) -> Bank:
    """The templates: an elliptical, a lenticular, and spirals of both windings."""
    rows: list[dict[str, float]] = [] if spirals_only else [_row(ELLIPTICAL), _row(LENTICULAR)]
    for winding, arms, pitch, contrast, step in product((1.0, -1.0), _ARMS, _PITCHES, _CONTRASTS, range(_PHASES)):
        phase = 2 * np.pi * step / _PHASES / arms
        rows.append(
            _row(S if winding > 0 else S + 1, arms=arms, winding=winding, pitch=pitch, contrast=contrast, phase=phase)
        )
    class_t = np.array([int(row.pop("class")) for row in rows])
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for name, scale in (("disk_scale", _SCALE), ("bulge_radius", _SCALE), ("psf_fwhm", _PSF)):
        columns[name] = columns[name] * scale * size
    drawn = [
        draw_galaxies(Galaxies(**{name: of[start : start + _BLOCK] for name, of in columns.items()}), size=size)
        for start in range(0, len(rows), _BLOCK)
    ]
    light_thw, mask_thw = (np.concatenate(of) for of in zip(*drawn, strict=True))
    weight = {ELLIPTICAL: 1 / 3, LENTICULAR: 1 / 3, S: 1 / 6, S + 1: 1 / 6}
    chance_t = np.array([weight[kind] / np.sum(class_t == kind) for kind in class_t])
    return Bank(light_thw=light_thw, mask_thw=mask_thw, class_t=class_t, chance_t=chance_t / chance_t.sum())


def posterior(bank: Bank, image_bhw: Numbers, snr_b: Numbers, *, sky_known: bool = True) -> Numbers:
    """Probability of each template, shape (b, t).

    Args:
        bank: the templates.
        image_bhw: in units of the noise, not stretched.
        snr_b: of the light without noise.
        sky_known: that the sky's level is 0; otherwise any is as likely, and is integrated over.
    """
    light_tn = bank.light_thw.reshape(len(bank.light_thw), -1)
    if not sky_known:  # what is left of a template beside a level tells of it
        light_tn = light_tn - light_tn.mean(axis=1, keepdims=True)
    product_bt = image_bhw.reshape(len(image_bhw), -1) @ light_tn.T
    # |y − snr T|² / 2 without |y|², which is the same for every template.
    ln_likelihood_bt = snr_b[:, None] * product_bt - snr_b[:, None] ** 2 * np.square(light_tn).sum(axis=1) / 2
    found: Numbers = softmax(ln_likelihood_bt + np.log(bank.chance_t), axis=1)
    return found


def class_chances(bank: Bank, chance_bt: Numbers) -> Numbers:
    """Probability of each of `CLASSES`, shape (b, k)."""
    of_class_tk = bank.class_t[:, None] == np.arange(len(CLASSES))
    found: Numbers = chance_bt @ of_class_tk
    return found


def mask_chances(bank: Bank, chance_bt: Numbers) -> Numbers:
    """Probability of each pixel that it belongs to an arm, shape (b, h, w)."""
    found: Numbers = np.tensordot(chance_bt, bank.mask_thw, axes=1)
    return found


def _row(kind: int, **arms: float) -> dict[str, float]:
    """One template; lengths over their unit."""
    smooth = kind == ELLIPTICAL
    usual = {
        "x": 0.0, "y": 0.0, "angle": 0.0, "axis_ratio": 0.8, "disk_scale": 1.0, "disk": 0.0 if smooth else 0.9,
        "bulge_radius": 1.2 if smooth else 0.3, "bulge_index": 4.0 if smooth else 2.0, "bulge_ratio": 0.8,
        "arms": 0.0, "winding": 1.0, "pitch": 0.3, "contrast": 0.0, "sharpness": 1.5, "phase": 0.0, "inner": 0.5,
        "outer": 2.5, "lopsided": 0.0, "bar": 0.0, "bar_length": 1.0, "ring": 0.0, "ring_radius": 1.0, "psf_fwhm": 1.0,
    }  # fmt: skip
    return {**usual, **arms, "class": float(kind)}
