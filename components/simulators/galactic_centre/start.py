"""Where chains begin: what they are told of each sky.

    chains = Chains(settings, count_bhw, start_of(skies), seed=1)

Suffixes: b skies, h rows, w columns, k diffuse components, s kinds of sources.
"""

from dataclasses import dataclass

import numpy as np

from components.simulators.galactic_centre.prior import AMPLITUDES, COUNTS, Array
from components.simulators.galactic_centre.skies import Skies

__label__ = "galactic_centre_start"

FORGET = 60
"""Sweeps after which a chain does not know where it began: three to six times as many as decorrelate any of its numbers
(`benchmarks/sky_limits`)."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where chains begin: at the truth, or anywhere, and then they must be burnt in."""

    amplitude_bk: Array
    number_bs: Array
    """Sources around the centre and of the disk."""
    flux_bhw: Array
    """Of all sources in each pixel, counts, before the PSF."""
    cloud_bhw: Array
    """ln of what the gas is denser by, times its softness."""


def start_of(skies: Skies) -> Start:
    """The truth of some skies."""
    return Start(
        amplitude_bk=skies.table[list(AMPLITUDES)].to_numpy(dtype=np.float64),
        number_bs=skies.table[list(COUNTS)].to_numpy(dtype=np.float64),
        flux_bhw=skies.centre_bhw + skies.disk_bhw,
        cloud_bhw=skies.cloud_bhw,
    )
