"""What the prior is worth: errors of the posterior mean at the benchmark galaxy, in units of the bound.

python -m benchmarks posterior
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.core import load_settings
from components.fields import row_seeds
from components.problems.galaxy_shape import GalaxyShape
from components.simulators.sersic import PARAMETERS, galaxy_posterior

HOUSE = Path(__file__).parents[1]
_REALISATIONS = 60


def main() -> None:
    """Print bias, sd and RMSE over the bound, the expected error, effective samples, and the time of an image."""
    problem = GalaxyShape()
    whole = load_settings(HOUSE / "params.yaml", problem.name, problem.settings)
    settings: Any = whole.simulate
    for case in problem.benchmark_cases(settings):
        stored = {
            name: torch.from_numpy(np.repeat(np.float32(array), _REALISATIONS, axis=0))
            for name, array in case.stored.items()
        }
        inputs, _ = problem.present(stored, row_seeds([30], np.arange(_REALISATIONS)), whole, training=False)  # type: ignore[arg-type]
        images = inputs["image"].numpy()
        truth, bound = np.array([case.stored[name][0] for name in PARAMETERS]), np.array(case.bound)
        start = time.perf_counter()
        sigma, psf_fwhm = (float(case.stored[name][0]) for name in problem.conditions)
        found = [
            galaxy_posterior(image, sigma, psf_fwhm, truth, settings, seed=seed)[0] for seed, image in enumerate(images)
        ]
        seconds = (time.perf_counter() - start) / _REALISATIONS
        miss = (np.array([one.mean for one in found]) - truth) / bound
        width = np.mean([one.sd for one in found], axis=0) / bound
        rmse = np.sqrt((miss**2).mean(axis=0))
        said = ", ".join(
            f"{name} {miss[:, i].mean():+.2f} ± {miss[:, i].std():.2f} (RMSE {rmse[i]:.2f}, expected {width[i]:.2f})"
            for i, name in enumerate(PARAMETERS)
        )
        least = min(one.effective_samples for one in found)
        print(f"{case.label}, {_REALISATIONS} realisations, in bounds: {said}; "
              f"at least {least:.0f} effective samples of 8192, {seconds:.2f} s an image")  # fmt: skip


if __name__ == "__main__":
    main()
