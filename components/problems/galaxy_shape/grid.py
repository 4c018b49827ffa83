"""The points of the bias grid: galaxies spread evenly over the prior, as many in each slice of the SNR.

    points = grid_points(settings, count=256, seed=7)

Sobol's sequence goes over index, radius, ellipticity, SNR and PSF; flux and noise follow from the SNR. Points near the
edges of the prior are in the grid, and stand apart.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from scipy.stats import qmc

from components.evidence.numbers import GridPoint
from components.simulators.sersic import (
    FLUX_UNIT,
    PARAMETERS,
    Array,
    SersicSettings,
    covariance_bound,
    draw_sersics,
    galaxy_fisher,
    measure_snr,
)
from models.galaxies import INDEX_RANGE, render_with_derivatives

__label__ = "galaxy_grid"

SNR_EDGES = (10, 20, 40, 70, 100)
"""Of the slices."""
_INNER = {"n": (1.0, 4.5), "half_light_radius": (0.15, 0.5)}
"""Away from the edges of what can be drawn, where maxima of the likelihood can lie on both sides of the truth."""
_BEYOND = 2.0
"""Bounds that an index must be away from the ends of what can be drawn."""
_SHARE = 3 / 8
"""Of a slice's points that are to be inner ones, and of those whose index is judged, at the least."""
_TRIED = 64
"""Sobol points that may be looked at for each that is kept: where images say little, next to no index can be judged."""


def grid_points(settings: SersicSettings, *, count: int, seed: int) -> list[GridPoint]:
    """The galaxies.

    Args:
        settings: prior and camera.
        count: how many; a fourth of them in each slice of the SNR.
        seed: of the sequence.
    """
    slices = list(pairwise(SNR_EDGES))
    tables = [_in_slice(settings, ends, count // len(slices), [seed, number]) for number, ends in enumerate(slices)]
    return [point for table in tables for point in _points(table, settings)]


def _in_slice(settings: SersicSettings, ends: tuple[float, float], count: int, seed: list[int]) -> pd.DataFrame:
    """Points in the sequence's order: the first ones, but that enough of them can be judged."""
    sobol = qmc.Sobol(6, rng=np.random.default_rng(seed))
    wanted = {"inner": int(np.ceil(_SHARE * count)), "index_judged": int(np.ceil(_SHARE * count))}
    kept: list[pd.Series] = []
    others: list[pd.Series] = []
    for _ in range(_TRIED):
        candidates = _candidates(settings, ends, sobol.random(1 << int(np.ceil(np.log2(count)))))
        for _, galaxy in candidates.iterrows():
            helps = [name for name, more in wanted.items() if galaxy[name] and more > 0]
            chosen = helps or count - len(kept) > sum(wanted.values())
            (kept if chosen else others).append(galaxy)
            wanted |= {name: wanted[name] - 1 for name in helps}
        if len(kept) >= count:
            break
    return pd.DataFrame([*kept, *others][:count]).reset_index(drop=True)


def _candidates(settings: SersicSettings, ends: tuple[float, float], uniform: Array) -> pd.DataFrame:
    """Galaxies of the prior that have an SNR within these ends, with what can be judged of them."""
    low, high = max(ends[0], settings.snr[0]), min(ends[1], settings.snr[1])
    n, radius, length, fwhm, snr, angle = uniform.T

    def between(ends: tuple[float, float], share: Array) -> Array:
        return ends[0] + (ends[1] - ends[0]) * share

    turn, shear = 2 * np.pi * angle, between(settings.ellipticity, length)
    table = pd.DataFrame(
        {
            "flux": 1.0,
            "n": between(settings.n, n),
            "half_light_radius": between(settings.half_light_radius, radius),
            "g1": shear * np.cos(turn),
            "g2": shear * np.sin(turn),
            "psf_fwhm": between(settings.psf_fwhm, fwhm),
            "sigma": 1.0,
            "snr": between((low, high), snr),
        }
    )
    # Flux over noise is given; of the noise levels that leave the flux in its prior, the one nearest to the middle.
    ratio = (table["snr"] / measure_snr(draw_sersics(table, settings), table["sigma"].to_numpy())).to_numpy()
    middle = sum(settings.sigma) / 2
    table["sigma"] = np.clip(middle, settings.flux[0] / ratio, settings.flux[1] / ratio)
    table["flux"] = ratio * table["sigma"]
    table = table[table["sigma"].between(*settings.sigma)].reset_index(drop=True)
    table["inner"] = table["n"].between(*_INNER["n"]) & table["half_light_radius"].between(*_INNER["half_light_radius"])
    away = _BEYOND * np.sqrt(_covariances(table, settings)[:, 1, 1])
    table["index_judged"] = (table["n"] - away >= INDEX_RANGE[0]) & (table["n"] + away <= INDEX_RANGE[1])
    return table


def _points(table: pd.DataFrame, settings: SersicSettings) -> list[GridPoint]:
    """Stamps, bounds and efficient estimates."""
    stamps, covariances = draw_sersics(table, settings), _covariances(table, settings)
    points = []
    for row, covariance_pp in enumerate(covariances):
        galaxy = table.iloc[[row]]
        parameters_bp, fwhm_b = _tensors(galaxy)
        image_bhw, derivative_bphw = render_with_derivatives(parameters_bp, fwhm_b, settings.camera, PARAMETERS)
        variance_hw = galaxy["sigma"].iloc[0] ** 2 + (image_bhw[0].clamp_min(0) if settings.shot_noise else 0)
        weighed_phw = (derivative_bphw[0] / variance_hw).numpy()
        weighed_phw[0] *= FLUX_UNIT
        inner, index_judged = bool(galaxy["inner"].iloc[0]), bool(galaxy["index_judged"].iloc[0])
        judged = {name for name in PARAMETERS if (index_judged if name == "n" else inner)}
        low, high = next(ends for ends in pairwise(SNR_EDGES) if galaxy["snr"].iloc[0] <= ends[1])
        points.append(
            GridPoint(
                stored={
                    "stamp": stamps[[row]],
                    **{name: galaxy[name].to_numpy() for name in (*PARAMETERS, "sigma", "psf_fwhm")},
                },
                covariance_pp=covariance_pp,
                efficient_phw=np.einsum("pq,qhw->phw", covariance_pp, weighed_phw),
                slice=f"snr{low}_{high}",
                judged=frozenset(judged),
                columns={
                    **{name: float(galaxy[name].iloc[0]) for name in ("n", "half_light_radius", "psf_fwhm", "snr")},
                    "ellipticity": float(np.hypot(*galaxy[["g1", "g2"]].iloc[0])),
                },
            )
        )
    return points


def _covariances(table: pd.DataFrame, settings: SersicSettings) -> Array:
    """F⁻¹ in the parameters' units, shape (rows, 5, 5)."""
    parameters_bp, fwhm_b = _tensors(table)
    sigma_b = torch.from_numpy(table["sigma"].to_numpy(dtype=np.float64, copy=True))
    fisher_bpp = galaxy_fisher(parameters_bp, fwhm_b, sigma_b, settings.camera, shot_noise=settings.shot_noise)
    covariance_bpp: Array = covariance_bound(fisher_bpp).numpy()
    covariance_bpp[:, 0] /= FLUX_UNIT
    covariance_bpp[:, :, 0] /= FLUX_UNIT
    return covariance_bpp


def _tensors(table: pd.DataFrame) -> tuple[torch.Tensor, torch.Tensor]:
    columns = torch.from_numpy(table[[*PARAMETERS, "psf_fwhm"]].to_numpy(dtype=np.float64, copy=True))
    columns[:, 0] *= FLUX_UNIT
    return columns[:, :-1], columns[:, -1]
