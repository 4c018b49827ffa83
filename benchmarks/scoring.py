"""Scoring: from a start one bound away to sd/CRB at the maximum, and the time of a galaxy on one core.

python -m benchmarks scoring
"""

import time
from itertools import product
from pathlib import Path
from typing import Any

import torch

from components.core import load_settings
from components.problems import find_problem
from models.devices import best_device
from models.galaxies import SHAPE, Camera, Domain, score
from tests.model.galaxies.test_scoring import draw_galaxies

HOUSE = Path(__file__).parents[1]
_DRAWS = 1000
_BATCH = 64
_SEEDS = (1, 2, 3)


def main() -> None:
    """Print, for fresh draws of n 1–4, half-light radius 0.2–0.5″ and SNR 60, sd and bias over the bound."""
    torch.set_num_threads(1)
    problem = find_problem("galaxy-shape")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings).simulate
    domains = {"within the prior": settings.domain, "within all that can be drawn": Domain()}
    for device in dict.fromkeys(("cpu", best_device().type)):
        for (where, domain), seed in product(domains.items(), _SEEDS):
            _measure(device, seed, where, domain)


def _measure(device: str, seed: int, where: str, domain: Domain) -> None:
    truth, fwhm, sigma, crb, image = (value.to(device) for value in draw_galaxies(_DRAWS, seed))
    sign = torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed)).sign().to(device)
    begin, estimates = truth + sign * crb, []
    batch = _BATCH if device == "cpu" else _DRAWS
    start = time.perf_counter()
    for first in range(0, _DRAWS, batch):
        rows = slice(first, first + batch)
        scored = score(image[rows], begin[rows], sigma[rows], fwhm[rows], Camera(), domain=domain)
        estimates.append(scored.maximum_bp)
    miss = ((torch.cat(estimates) - truth) / crb).cpu()
    seconds = time.perf_counter() - start
    said = ", ".join(
        f"{name} {sd:.3f} (bias {bias:+.2f})"
        for name, sd, bias in zip(SHAPE, miss.std(dim=0), miss.mean(dim=0), strict=True)
    )
    print(
        f"{device}, {where}, seed {seed}: sd/CRB {said}; {1e3 * seconds / _DRAWS:.1f} ms a galaxy, batches of {batch}"
    )


if __name__ == "__main__":
    main()
