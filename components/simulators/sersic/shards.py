"""Shards of the galaxy-shape dataset: draws from the prior that pass the SNR cut, and the bound of each image."""

import numpy as np
import pandas as pd

from components.core import AssayError
from components.fields import Shard, shard_rows, split_of
from components.simulators.sersic.drawing import bound_sersics, draw_sersics
from components.simulators.sersic.prior import PARAMETERS, Image, SersicSettings, measure_snr, sample_prior

__label__ = "sersic_shards"

_BATCH = 256
"""Candidates drawn at a time; about a fifth fail the SNR cut."""
_LEAST_KEPT, _TRIED = 1e-3, 40 * _BATCH
"""Share of the candidates that must pass the cut, once so many were drawn: below, a dataset would take hours."""


def draw_shard(settings: SersicSettings, shard: int) -> Shard:
    """Draw candidates until the shard is full, in the order drawn; every row gets its `crb_*`.

    Raises:
        AssayError: when next to no galaxy of the prior passes the SNR cut.
    """
    rows = shard_rows(settings, shard)
    rng = np.random.default_rng([settings.seed, 1, shard])
    tables: list[pd.DataFrame] = []
    images: list[Image] = []
    found = 0
    while found < len(rows):
        candidates = sample_prior(settings, rng, _BATCH)
        drawn = draw_sersics(candidates, settings)
        snr = measure_snr(drawn, candidates["sigma"].to_numpy())
        kept = (snr >= settings.snr[0]) & (snr <= settings.snr[1])
        tables.append(candidates.assign(snr=snr)[kept])
        images.append(drawn[kept])
        found += int(kept.sum())
        tried = _BATCH * len(tables)
        if tried >= _TRIED and found < _LEAST_KEPT * tried:
            raise AssayError(
                f"simulate.snr [{settings.snr[0]:g}, {settings.snr[1]:g}]: {found} of {tried:,} galaxies of the prior "
                "have such an SNR: widen it in params.yaml, or change flux and sigma"
            )
    catalogue = pd.concat(tables, ignore_index=True).iloc[: len(rows)].copy()
    catalogue["split"] = [split_of(settings, row) for row in rows]
    bounds = bound_sersics(catalogue, settings)
    for column, name in enumerate(PARAMETERS):
        catalogue[f"crb_{name}"] = bounds[:, column]
    stamps: Image = np.concatenate(images)[: len(rows)]
    return Shard(columns=catalogue, arrays={"stamp": stamps})


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
    stamps: Image = draw_sersics(pd.DataFrame(corners), settings) / np.float32(settings.sigma[0])
    return stamps
