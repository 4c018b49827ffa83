"""The renderer against GalSim: how close, how fast on one core, and where its time goes.

python -m benchmarks renderer
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import galsim
import numpy as np
import pandas as pd
import torch

from components.core import load_settings
from components.problems import find_problem
from components.simulators.sersic import FLUX_UNIT, PARAMETERS, REFERENCE, draw_sersics, draw_with_galsim, sample_prior
from models.devices import best_device
from models.galaxies import render

HOUSE = Path(__file__).parents[1]
_DRAWS = 300
_BATCH = 64


def main() -> None:
    """Print differences from GalSim at high accuracy, the time of a galaxy, and the shares of it."""
    torch.set_num_threads(1)
    problem = find_problem("galaxy-shape")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings).simulate
    galaxies = sample_prior(settings, np.random.default_rng(300), _DRAWS)

    reference = draw_with_galsim(galaxies, settings, REFERENCE)
    difference = np.abs(draw_sersics(galaxies, settings) - reference)
    relative = difference.max(axis=(1, 2)) / reference.max(axis=(1, 2))
    chi = np.sqrt(np.square(difference).sum(axis=(1, 2))) / 200
    print(
        f"{_DRAWS} draws against GalSim at high accuracy: max|Δ|/peak median {np.median(relative):.1e}, worst "
        f"{relative.max():.1e}; χ shift at σ = 200 worst {chi.max():.3f}"
    )

    plain = galsim.GSParams()
    few = galaxies.head(100)
    continuous = seconds(lambda: draw_with_galsim(few, settings, plain)) / len(few)
    best = seconds(lambda: draw_with_galsim(few, settings, plain), 3) / len(few)
    for device in dict.fromkeys(("cpu", best_device().type)):
        count = _BATCH * (16 if device == "cpu" else 1024)
        ours = (
            seconds(partial(_draw, _tensors(galaxies.sample(count, replace=True, random_state=1), device)), 5) / count
        )
        print(
            f"{device}: {1e6 * ours:.0f} µs a galaxy; GalSim with a new index each {1e3 * continuous:.1f} ms, ratio "
            f"{continuous / ours:.0f}; warm with {len(few)} indices {1e3 * best:.1f} ms, ratio {best / ours:.0f}"
        )

    spectrum = torch.randn(_BATCH, 128, 65, dtype=torch.complex64)
    fft = seconds(lambda: torch.fft.irfft2(spectrum), 20) / _BATCH
    table, places = torch.randn(_BATCH, 331), torch.randint(0, 331, (_BATCH, 3 * 51**2))
    looked_up = seconds(lambda: [table.gather(1, places) for _ in range(4)], 20) / _BATCH
    batch = _tensors(galaxies.sample(_BATCH * 16, replace=True, random_state=1), "cpu")
    ours = seconds(partial(_draw, batch), 5) / (_BATCH * 16)
    print(
        f"one FFT of twice the stamp {1e6 * fft:.0f} µs, the table look-ups {1e6 * looked_up:.0f} µs: a galaxy takes "
        f"{ours / (fft + looked_up):.2f} times their sum"
    )


def _draw(batch: dict[str, torch.Tensor]) -> None:
    render(**batch)  # type: ignore[arg-type]
    if batch["flux"].is_cuda:
        torch.cuda.synchronize()


def _tensors(galaxies: pd.DataFrame, device: str) -> dict[str, torch.Tensor]:
    columns = galaxies.rename(columns={"psf_fwhm": "fwhm"}).assign(flux=galaxies["flux"] * FLUX_UNIT)
    return {
        name: torch.tensor(columns[name].to_numpy(), dtype=torch.float32, device=device)
        for name in (*PARAMETERS, "fwhm")
    }


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """The least time of some repeats: machines are shared."""
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - start)
    return least


if __name__ == "__main__":
    main()
