"""What tests of problems of gamma-ray skies share: few and small ones, and the Fermi telescope's own."""

from typing import Any

import numpy as np
import pytest
import torch

from components.fields.randomness import row_seeds
from components.simulators.galactic_centre import GalacticCentreSettings, draw_skies
from tests.conftest import HOUSE

FERMI = HOUSE.parent / "shared" / "data" / "fermi_gc" / "fermi_2-20GeV_grid64.npz"
needs_real_sky = pytest.mark.skipif(not FERMI.exists(), reason="no real sky here")


def small_skies(count: int, shard_size: int) -> dict[str, Any]:
    """A `simulate` section of 16 × 16 pixels, with as many sources a pixel as on 64 × 64."""
    return {
        "count": count,
        "shard_size": shard_size,
        "size": 16,
        "centre_sources": {"count": [12, 50]},
        "disk_sources": {"count": [62, 250]},
        "test_fraction": 0.2,
    }


def real_skies(settings: GalacticCentreSettings) -> torch.Tensor:
    """The real sky, its mirror images, and each with the light of simulated ones: their 5th, 50th, 95th percentile."""
    with np.load(FERMI, allow_pickle=False) as file:
        real = file["counts"].astype(np.int64)
    rng = np.random.default_rng(0)
    simulated = draw_skies(settings, row_seeds([1], np.arange(400))).expected_bhw.sum(axis=(1, 2))
    levels = np.quantile(simulated, (0.05, 0.5, 0.95)) / real.sum()
    skies = [real, real[:, ::-1], real[::-1]]
    skies += [rng.binomial(sky, level) if level < 1 else rng.poisson(sky * level) for sky in skies for level in levels]
    return torch.from_numpy(np.stack(skies).astype(np.float32))
