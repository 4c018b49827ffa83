"""The bound: the published galaxy, GalSim's finite differences, and galaxies a second on one core.

python -m benchmarks bounds
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.core import load_settings
from components.problems import find_problem
from components.simulators.sersic import (
    FLUX_UNIT,
    PARAMETERS,
    bound_sersics,
    cramer_rao_bound,
    galaxy_fisher,
    sample_prior,
)
from models.devices import best_device
from models.galaxies import Camera
from tests.model.simulators.test_bounds import bounds_with_galsim

HOUSE = Path(__file__).parents[1]
_KNOWN = {
    (400.0, False): (0.1123, 1.530, 0.0570, 0.1072, 0.1083),
    (200.0, False): (0.0561, 0.765, 0.0285, 0.0536, 0.0541),
    (200.0, True): (0.0565, 0.777, 0.0287, 0.0543, 0.0549),
}
"""Bound of the benchmark galaxy by σ and shot noise."""
_DRAWS = 50
_MANY = 4096


def main() -> None:
    """Print the table beside the known values, the worst difference from GalSim, and the rate."""
    torch.set_num_threads(1)
    benchmark = torch.tensor([[FLUX_UNIT, 3.0, 0.3, -0.069, 0.15]], dtype=torch.float64)
    half = torch.tensor([0.5], dtype=torch.float64)
    for (sigma, shot_noise), known in _KNOWN.items():
        fisher = galaxy_fisher(benchmark, half, torch.full_like(half, sigma), Camera(), shot_noise=shot_noise)
        crb = cramer_rao_bound(fisher)[0].numpy() / [FLUX_UNIT, 1, 1, 1, 1]
        off = np.abs(crb / known - 1).max()
        said = ", ".join(f"{name} {value:.4f}" for name, value in zip(PARAMETERS, crb, strict=True))
        print(f"σ = {sigma:.0f}{', shot noise' if shot_noise else ''}: {said}; within {100 * off:.2f} % of the known")

    problem = find_problem("galaxy-shape")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings).simulate
    galaxies = sample_prior(settings, np.random.default_rng(50), _DRAWS)
    off = np.abs(bound_sersics(galaxies, settings) / bounds_with_galsim(galaxies, settings) - 1)
    worst = ", ".join(f"{name} {100 * value:.2f} %" for name, value in zip(PARAMETERS, off.max(axis=0), strict=True))
    print(f"{_DRAWS} draws against finite differences of GalSim, the largest difference: {worst}")

    for device in dict.fromkeys(("cpu", best_device().type)):
        many = sample_prior(settings, np.random.default_rng(1), _MANY)
        columns = torch.tensor(many[[*PARAMETERS, "psf_fwhm", "sigma"]].to_numpy(), dtype=torch.float32, device=device)
        columns[:, 0] *= FLUX_UNIT
        rates = []
        for _ in range(3):
            start = time.perf_counter()
            fisher = galaxy_fisher(columns[:, :5], columns[:, 5], columns[:, 6], settings.camera, shot_noise=True)
            cramer_rao_bound(fisher).cpu()
            rates.append(_MANY / (time.perf_counter() - start))
        print(f"{device}: {max(rates):.0f} bounds/s{' on one core' if device == 'cpu' else ''}")


if __name__ == "__main__":
    main()
