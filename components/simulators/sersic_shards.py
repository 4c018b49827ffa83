"""Shards of the galaxy-shape dataset: draws from the prior that pass the SNR cut, and the bound of each test image."""

from typing import Any

import numpy as np
import pandas as pd

from components.bounds import central_differences, cramer_rao_bound, fisher_matrix
from components.problems.base import Shard
from components.simulators.sersic import (
    PARAMETERS,
    Image,
    SersicSettings,
    draw_sersic,
    draw_sersics,
    measure_snr,
    sample_prior,
)

_STEPS = {"n": 0.02, "half_light_radius": 0.002, "g1": 0.002, "g2": 0.002}
"""Steps of the finite differences: halving them moves the bound of the benchmark galaxy by less than 1e-3."""
_BATCH = 256
"""Candidates drawn at a time; about a fifth fail the SNR cut."""


def draw_shard(settings: SersicSettings, shard: int) -> Shard:
    """Draw candidates until the shard is full, in the order drawn; test rows get `crb_*`, the others NaN there."""
    rows = settings.shard_rows(shard)
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
    catalogue = pd.concat(tables, ignore_index=True).iloc[: len(rows)].copy()
    catalogue["split"] = [settings.split_of(row) for row in rows]
    bounds = np.full((len(rows), len(PARAMETERS)), np.nan)
    test = np.flatnonzero(catalogue["split"] == "test")
    for row in test[np.argsort(catalogue["n"].to_numpy()[test], kind="stable")]:
        bounds[row] = bound_of(catalogue.iloc[row].to_dict(), settings)
    for column, name in enumerate(PARAMETERS):
        catalogue[f"crb_{name}"] = bounds[:, column]
    stamps: Image = np.concatenate(images)[: len(rows)]
    return Shard(catalogue=catalogue, stamps=stamps)


def bound_of(galaxy: dict[str, Any], settings: SersicSettings) -> np.ndarray[Any, Any]:
    """Cramér–Rao bound of one galaxy for each of `PARAMETERS`, in their units, from GalSim's finite differences.

    Args:
        galaxy: one row of the catalogue.
        settings: camera and noise.
    """
    at = {name: float(galaxy[name]) for name in (*PARAMETERS, "psf_fwhm")}
    camera = {"size": settings.size, "pixel_scale": settings.pixel_scale, "psf_beta": settings.psf_beta}

    def draw(**parameters: float) -> np.ndarray[Any, Any]:
        return draw_sersic(**parameters, **camera)  # type: ignore[arg-type]

    image = draw(**at)
    derivatives = np.concatenate([image[None] / at["flux"], central_differences(draw, at, _STEPS)])
    variance = np.full(image.shape, float(galaxy["sigma"]) ** 2)
    if settings.shot_noise:
        variance += np.maximum(image, 0)
    return cramer_rao_bound(fisher_matrix(derivatives, variance))


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
