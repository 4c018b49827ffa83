"""Deblurring by networks that know the PSF and by ones that do not, beside ways without a network.

    python -m benchmarks.deblurring                                      # all networks: 2 h on two cores
    python -m benchmarks.deblurring unrolled,published FOLDER            # two of them, and a RealGalaxyCatalog

One row an SNR and way: mean squared error over the light's, over the best linear filter's, median error of the
ellipticity, on simulated galaxies and on HST's.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks._trained import trained
from components.core import Workspace, load_settings
from components.data import publish, simulate
from components.problems import find_problem

HOUSE = Path(__file__).parents[1]
_NETWORKS: dict[str, dict[str, Any]] = {
    "unrolled": {},
    "residual": {"steps": 0},
    "published": {"network": "published_unet", "steps": 0, "difference": False, "loss": "charbonnier"},
    "published_mse": {"network": "published_unet", "steps": 0, "difference": False, "loss": "mse"},
}
"""What of `train` is another one than the full recipe's."""


def main(networks: str = ",".join(_NETWORKS), folder: str | None = None) -> None:
    """Print one table a network."""
    problem = find_problem("deblurring")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="full")
    settings = replace(settings, evaluate=replace(settings.evaluate, real_galaxies=folder, reference_images=0))
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(root=Path(place), home=Path(place) / ".assay")
        dataset = publish(workspace, simulate(workspace, problem, settings.simulate))
        for name in networks.split(","):
            here = replace(settings, train=replace(settings.train, **_NETWORKS[name]))
            estimator, _ = problem.finish(trained(problem, dataset, here, alike=problem)[0], dataset, here)
            with torch.inference_mode():
                found = problem.evaluate(
                    estimator, dataset, here, device=torch.device("cpu"), cache=Path(place), progress=lambda _: None
                )
            shown = ("mse_over_linear", "mse.snr", "ellipticity_error.snr", "milliseconds")
            for metric, of in {**found.metrics, **found.timings}.items():
                if any(part in metric for part in shown):
                    print(f"{name:16}{metric:44}{of.said('.4f')}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
