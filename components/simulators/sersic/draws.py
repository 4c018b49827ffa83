"""Rows of the galaxy-shape dataset: draws from the prior that pass the SNR cut, and the bound of each image."""

import numpy as np
import pandas as pd

from components.core import AssayError
from components.fields import Seeds, Shard, drawing_seeds, random_numbers
from components.simulators.sersic.drawing import bound_sersics, draw_sersics
from components.simulators.sersic.prior import DRAWN, PARAMETERS, Image, SersicSettings, measure_snr, prior_galaxies

__label__ = "sersic_draws"

_BLOCK = 256
"""Rows drawn at a time: 8 MB of stamps in float64."""
_LEAST_KEPT, _TRIED = 1e-3, 40 * _BLOCK
"""Share of the candidates that must pass the cut, once so many were drawn: below, a dataset would take hours."""


def draw_galaxies(settings: SersicSettings, split: str, rows: range) -> Shard:
    """For each row the first of its own candidates that passes the SNR cut, with its `crb_*`.

    Raises:
        AssayError: when next to no galaxy of the prior passes the SNR cut.
    """
    stamps_bhw = np.empty((len(rows), settings.size, settings.size), dtype=np.float32)
    tables = [
        _draw_block(settings, drawing_seeds(settings, split, rows[block]), stamps_bhw[block])
        for block in (slice(start, start + _BLOCK) for start in range(0, len(rows), _BLOCK))
    ]
    catalogue = pd.concat(tables, ignore_index=True)
    bounds = bound_sersics(catalogue, settings)
    for column, name in enumerate(PARAMETERS):
        catalogue[f"crb_{name}"] = bounds[:, column]
    return Shard(columns=catalogue, arrays={"stamp": stamps_bhw})


def _draw_block(settings: SersicSettings, seed_b: Seeds, stamps_bhw: Image) -> pd.DataFrame:
    """Galaxies, a row for each seed; their stamps are written into an array."""
    tables: list[pd.DataFrame] = []
    waiting, tried = np.arange(len(seed_b)), 0
    while len(waiting):
        candidates = prior_galaxies(settings, random_numbers(seed_b[waiting], DRAWN, stream=len(tables)))
        drawn_bhw = draw_sersics(candidates, settings)
        snr = measure_snr(drawn_bhw, candidates["sigma"].to_numpy())
        kept = (snr >= settings.snr[0]) & (snr <= settings.snr[1])
        stamps_bhw[waiting[kept]] = drawn_bhw[kept]
        tables.append(candidates.assign(snr=snr).set_axis(waiting)[kept])
        tried += len(waiting)
        waiting = waiting[~kept]
        found = len(seed_b) - len(waiting)
        if tried >= _TRIED and found < _LEAST_KEPT * tried:
            raise AssayError(
                f"simulate.snr [{settings.snr[0]:g}, {settings.snr[1]:g}]: {found} of {tried:,} galaxies of the prior "
                "have such an SNR: widen it in params.yaml, or change flux and sigma"
            )
    return pd.concat(tables).sort_index()


def reference_stamps(settings: SersicSettings) -> Image:
    """Eight corners of the prior in units of its least noise, float32, shape (8, size, size)."""
    corners = [
        {
            "flux": settings.flux[1],
            "n": settings.n[i],
            "half_light_radius": settings.half_light_radius[j],
            "g1": settings.ellipticity[1] * (1 if i == j else -1) / 2,
            "g2": settings.ellipticity[1] / 2,
            "psf_fwhm": settings.psf_fwhm[k],
        }
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    ]
    return (draw_sersics(pd.DataFrame(corners), settings) / settings.sigma[0]).astype(np.float32)
