"""What both benchmarks of an answer ask: the newest model, and images of the prior."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from components.core import AssayError, Workspace, load_settings
from components.problems import find_problem
from components.simulators.sersic import FLUX_UNIT, PARAMETERS
from models.estimators import load_model
from models.estimators.numbers import ScoringEstimator

HOUSE = Path(__file__).parents[1]
COUNT = 1000
"""Images of the prior."""


def newest_model() -> tuple[Path, ScoringEstimator]:
    folders = (Workspace.find(HOUSE).home / "models" / "galaxy-shape").glob("*/model.json")
    for file in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True):
        model, _ = load_model(file.parent)
        if isinstance(model, ScoringEstimator):
            return file.parent, model
    raise AssayError("no model of galaxy-shape answers here: type `make run`")


def prior_images() -> dict[str, Tensor]:
    """Images of the prior with noise; their truths and bounds, flux in counts."""
    problem = find_problem("galaxy-shape")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings).simulate
    drawn = problem.draw(settings, "test", range(COUNT))
    table = {name: torch.tensor(drawn.columns[name].to_numpy(), dtype=torch.float32) for name in drawn.columns}
    stamp = torch.from_numpy(np.asarray(drawn.arrays["stamp"], dtype=np.float32))
    unit = torch.tensor([FLUX_UNIT, 1, 1, 1, 1], dtype=torch.float64)
    truth, bound = (
        torch.stack([table[f"{prefix}{name}"] for name in PARAMETERS], dim=1).double() * unit for prefix in ("", "crb_")
    )
    return {**noisy(stamp, table["sigma"], table["psf_fwhm"], seed=1), "truth": truth, "bound": bound}


def noisy(stamp: Tensor, sigma: Tensor, fwhm: Tensor, *, seed: int) -> dict[str, Tensor]:
    noise = torch.randn(stamp.shape, generator=torch.Generator().manual_seed(seed))
    image = stamp + noise * (sigma[:, None, None] ** 2 + stamp.clamp_min(0)).sqrt()
    return {"image": image, "sigma": sigma, "psf_fwhm": fwhm}
