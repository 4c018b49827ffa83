"""Rings of galaxies under a small shear: each galaxy turned by 0°, 45°, 90° and 135°, sheared one way and the other.

    for ring in sheared_rings(settings, seed=7, galaxies=65536):
        ring.stored[0], ring.stored[1]      # under +γ and −γ, four rows a galaxy

Over a ring, where a turn by 45° takes g to i g, the shapes (g + γ) / (1 + γ* g) (Seitz & Schneider 1997, eq. 3.2)
average to γ but for γ³; over a pair at right angles they do so but for γ² |g|², which would look like a bias. Flux,
index and radius are left as they are. The galaxies are the prior's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from components.fields import FRESH
from components.simulators.sersic import PARAMETERS, Array, SersicSettings, draw_galaxies, draw_sersics

__label__ = "galaxy_rings"

Complex = np.ndarray[Any, np.dtype[np.complexfloating[Any, Any]]]

SHEAR = 0.02
TURNS = 4
_AT_ONCE = 64
"""Galaxies; 256 images of each sign."""


@dataclass(frozen=True, kw_only=True)
class Rings:
    """Some galaxies, `TURNS` images each of them under each sign."""

    stored: tuple[Mapping[str, Array], Mapping[str, Array]]
    """Stored fields under +γ and −γ, rows in the same order."""
    along_b: np.ndarray[Any, Any]
    """Which component of the shape the shear goes along: 0 for g1, 1 for g2."""


def sheared_rings(settings: SersicSettings, *, seed: int, galaxies: int) -> Iterator[Rings]:
    """Draw galaxies and shear them, along g1 and along g2 in turn.

    Args:
        settings: prior and camera.
        seed: of the galaxies.
        galaxies: how many.
    """
    for start in range(0, galaxies, _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, galaxies))
        table = draw_galaxies(replace(settings, seed=seed), FRESH, rows).columns
        each = np.repeat(np.arange(len(table)), TURNS)
        ring = table.iloc[each].reset_index(drop=True)
        shape_b = (ring["g1"] + 1j * ring["g2"]).to_numpy() * np.tile(1j ** np.arange(TURNS), len(table))
        along_b = (each + start) % 2
        shear_b: Complex = np.array([SHEAR, 1j * SHEAR])[along_b]
        yield Rings(
            stored=(
                _stored(ring, sheared(shape_b, shear_b), settings),
                _stored(ring, sheared(shape_b, -shear_b), settings),
            ),
            along_b=along_b,
        )


def sheared(shape: Complex, shear: Complex) -> Complex:
    """The reduced shear of a sheared galaxy, all as complex numbers."""
    seen: Complex = (shape + shear) / (1 + np.conj(shear) * shape)
    return seen


def _stored(ring: pd.DataFrame, shape_b: Complex, settings: SersicSettings) -> dict[str, Array]:
    seen = ring.assign(g1=shape_b.real, g2=shape_b.imag)
    return {
        "stamp": draw_sersics(seen, settings),
        **{name: seen[name].to_numpy() for name in (*PARAMETERS, "sigma", "psf_fwhm")},
    }
