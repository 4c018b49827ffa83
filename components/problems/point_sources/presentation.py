"""How skies are shown to a network that looks for point sources, and what it is built from.

Everything here decides what a training comes to. Shape suffixes: b batch, h height, w width, l levels of flux.
"""

from typing import Any

import numpy as np
from scipy import stats
from torch import Tensor

from components.fields import Seeds, poisson
from components.problems.point_sources.settings import PointSourcesSettings
from components.problems.skies import OF_COUNTS, familiar_config, show_afresh
from components.simulators.galactic_centre import SourceFlux
from models.fields import Arrays

__label__ = "point_sources_presentation"

_BELOW, _ABOVE = 7, 14
"""Levels of flux, each √2 times the last, below and above what is bright: from a half to 600 counts, for 5."""


def present(
    stored: Arrays, seed_b: Seeds, settings: PointSourcesSettings, *, training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Counts of each sky, and the flux of all sources in each pixel."""
    expected_bhw, flux_bhw = stored["expected"], stored["sources"]
    if training and settings.train.fresh_amplitudes:
        shown = show_afresh(stored, seed_b, settings.simulate)
        expected_bhw, flux_bhw = shown.expected_bhw, shown.sources_bhw
    return {"image": poisson(seed_b, expected_bhw, stream=OF_COUNTS)}, {"flux": flux_bhw}


def estimator_config(settings: PointSourcesSettings) -> dict[str, Any]:
    """Network, levels of flux, and what doubts are set by."""
    simulation, train = settings.simulate, settings.train
    return {
        "kind": "sources",
        "network": train.network,
        "width": train.width,
        "size": simulation.size,
        "unit": "counts",
        "noise": None,
        "conditions": [],
        "places": True,
        "levels": flux_levels(simulation.source_flux, train.bright_flux),
        "brightest_share": train.brightest_share,
        "pixel_scale": simulation.pixel_scale,
        "familiar": familiar_config(simulation, train.familiar_images),
    }


def flux_levels(law: SourceFlux, bright: float) -> dict[str, Any]:
    """As `models.estimators.sources.FluxLevels` takes them: mean and sd of one source's flux within each level.

    The density of a log-normal flux times its k-th power is that of one whose logarithm is moved by k variances.
    """
    edge_e = bright * 2.0 ** (np.arange(-_BELOW, _ABOVE + 1) / 2)
    end_l = np.concatenate([[0.0], edge_e, [np.inf]])
    mass_l, first_l, second_l = (
        stats.lognorm.moment(power, law.sd, scale=np.exp(law.mean))
        * np.diff(stats.lognorm.cdf(end_l, law.sd, scale=np.exp(law.mean + power * law.sd**2)))
        for power in range(3)
    )
    mean_l = first_l / mass_l
    return {
        "bright": bright,
        "edges": edge_e.tolist(),
        "mean": mean_l.tolist(),
        "sd": np.sqrt(second_l / mass_l - mean_l**2).tolist(),
    }
