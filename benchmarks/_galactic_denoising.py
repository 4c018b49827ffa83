"""The published autoencoder with six latent numbers, and a U-Net without that bottleneck, on four kinds of noise.

python -m benchmarks.galactic_centre denoising

Each is trained for one kind of noise. Mean squared errors in units of the clean image's maximum, with 95 % intervals
over the test skies. `smooth` is the error of whoever knows all of a sky but its single sources and its noise: its
amplitudes, its numbers of sources, its angle and its maximum. Six numbers can hardly say more.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks._trained import trained
from components.core import Workspace, load_settings
from components.data import simulate
from components.evidence import interval
from components.fields import Dataset, presented, row_seeds
from components.problems.sky_denoising import SkyDenoising
from components.simulators.galactic_centre import (
    AMPLITUDES,
    COUNTS,
    CentreLaw,
    DiskLaw,
    GalacticCentreSettings,
    draw_skies,
    psf_matrix,
    steady_templates,
)

HOUSE = Path(__file__).parents[1]
_PUBLISHED = {"gaussian": 0.0011, "poisson": 0.0012, "masked": 0.0010, "salt_pepper": 0.0019}
_NETWORKS: dict[str, dict[str, Any]] = {
    "latent_autoencoder": {"width": 8, "batch_size": 64, "learning_rate": 3e-3, "epochs": 20},
    "deep_unet": {"width": 16, "batch_size": 16, "learning_rate": 4e-3, "epochs": 6},
}
_SKIES = 600


def denoising_table() -> None:
    """Print one row a network and noise."""
    problem = SkyDenoising()
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="published")
    print(f"smooth {_smooth(settings.simulate):.5f}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        dataset = simulate(Workspace(root=Path(folder), home=Path(folder)), problem, settings.simulate)
        for network, train in _NETWORKS.items():
            for kind, published in _PUBLISHED.items():
                changed = replace(settings, train=replace(settings.train, network=network, **train))
                lost, minutes = _errors(SkyDenoising(kind), dataset, changed)
                metric = interval(lost, np.mean, 1000, 0)
                rows.append((network, kind, published, metric.value, metric.low, metric.high, minutes))
                columns = ("network", "noise", "published", "ours", "low", "high", "minutes")
                print(pd.DataFrame(rows[-1:], columns=columns).round(5).to_string(index=False), flush=True)


def _errors(problem: SkyDenoising, dataset: Dataset, settings: Any) -> tuple[np.ndarray[Any, Any], float]:
    estimator, minutes = trained(problem, dataset, settings, alike=SkyDenoising())
    lost = []
    test = presented(problem, dataset, settings, dataset.rows("test"), seed=[1], device=torch.device("cpu"))
    with torch.inference_mode():
        for batch in test:
            miss_bhw = estimator(batch.inputs)["restored"] - batch.targets["clean_image"]
            lost.append(miss_bhw.square().mean(dim=(1, 2)))
    found: np.ndarray[Any, Any] = torch.cat(lost).double().numpy()
    return found, minutes


def _smooth(settings: GalacticCentreSettings) -> float:
    """Mean squared error of the mean sky of known parameters; turning changes nothing of it."""
    level = replace(settings, rotated=False)
    skies = draw_skies(level, row_seeds([3], np.arange(_SKIES)))
    count_bhw = np.random.default_rng(3).poisson(skies.expected_bhw).astype(np.float64)
    blur, flux = psf_matrix(level), level.source_flux
    share_shw = np.stack([CentreLaw(level).shares(), DiskLaw(level).shares()])
    number_bs, amplitude_bk = (skies.table[list(names)].to_numpy() for names in (COUNTS, AMPLITUDES))
    sources_bhw = np.exp(flux.mean + flux.sd**2 / 2) * np.einsum("bs,shw->bhw", number_bs, share_shw)
    mean_bhw = blur @ (np.einsum("bk,khw->bhw", amplitude_bk, steady_templates(level)) + sources_bhw) @ blur.T
    most_b11 = count_bhw.max(axis=(1, 2), keepdims=True)
    return float(np.mean(((count_bhw - mean_bhw) / most_b11) ** 2))
