"""The least errors that skies around the Galactic Centre allow, by the exact posterior, and what its sampling costs.

python -m benchmarks sky_limits

Chains begin at the truth, so that every draw is one of the posterior; the first are left out all the same, since what
remembers the truth is nearer to it than anybody can be. `stated` is the mean absolute deviation of draws from their
median, which is what its error must be on average, and `found` that error on these very skies. A pixel's chances are
means over what each state of a chain says of it; `informed` is a detector that knows the background and all other
sources. `known clouds` is the gas as it was drawn, which nobody knows who has only the image. Errors are those of a
mean over skies, one standard deviation. The kernel is the summer school's; brackets without a chain stand above
(`components/simulators/galactic_centre/brackets.py`).
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from components.core import load_settings
from components.evidence.masks import POOLED, pixel_scores
from components.fields import row_seeds
from components.problems import find_problem
from components.problems.point_sources import true_masks
from components.problems.point_sources.posterior import PixelChances
from components.simulators.galactic_centre import (
    COUNTS,
    FORGET,
    Chains,
    draw_skies,
    known_sources,
    linear_errors,
    start_of,
)

HOUSE = Path(__file__).parents[1]
_SKIES = 48
_SWEEPS, _EACH = 540, 2
"""Sweeps, and every how many of them are kept."""
_BRACKETED = 8
"""Skies of the brackets without a chain."""
_ASKED = 16
"""Every how many sweeps each pixel's chances are asked for."""


def main() -> None:
    """Print the limits with their errors."""
    problem = find_problem("galactic-centre")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="published").simulate
    masks = find_problem("point-sources")
    pixels: Any = load_settings(HOUSE / "params.yaml", masks.name, masks.settings, size="published")
    skies = draw_skies(settings, row_seeds([18], np.arange(_SKIES)))
    counts = np.random.default_rng(18).poisson(skies.expected_bhw).astype(np.float64)
    start = start_of(skies)
    for name, of in (("known sources", known_sources), ("best weighted sum of pixels", linear_errors)):
        least = np.sqrt(
            np.mean(of(settings, draw_skies(settings, row_seeds([18], np.arange(_BRACKETED)))) ** 2, axis=0)
        )
        print(f"sd of A_dm, {name}: {least[0]:.3f}")
    for known in (True, False):
        print("known clouds" if known else "clouds unknown, as to a network")
        chains = Chains(settings, counts, start, seed=1, clouds_known=known)
        print(_limits(skies, chains, pixels).to_string(index=False), flush=True)


def _limits(skies: Any, chains: Chains, problem_settings: Any) -> pd.DataFrame:
    ask = PixelChances(problem_settings)
    informed, began, numbers = ask(chains), time.time(), []
    total = {name: torch.zeros_like(of) for name, of in informed.items()}
    for sweep in range(_SWEEPS):
        chains.sweep()
        if sweep >= FORGET and sweep % _EACH == 0:
            numbers.append(torch.cat([chains.amplitude_bk, chains.number_bs], dim=1).numpy())
        if sweep >= FORGET and sweep % _ASKED == 0:
            total = {name: total[name] + of for name, of in ask(chains).items()}
    took, counted = time.time() - began, sum(sweep % _ASKED == 0 for sweep in range(FORGET, _SWEEPS))
    drawn_sbk = np.stack(numbers)
    rows = _of_number(skies.table["A_dm"].to_numpy(), drawn_sbk[:, :, 0], "A_dm, mean absolute error")
    ranges = {name: np.ptp(ends) for name, ends in zip(COUNTS, ((200, 799), (1000, 3999)), strict=True)}
    for k, name in enumerate(COUNTS):
        truth_b = skies.table[name].to_numpy()
        rows += _of_number(truth_b / ranges[name], drawn_sbk[:, :, 4 + k] / ranges[name], f"{name}, over its range")
    whole, total_b = sum(ranges.values()), skies.table[list(COUNTS)].sum(axis=1).to_numpy()
    rows += _of_number(total_b / whole, drawn_sbk[:, :, 4:].sum(axis=2) / whole, "N_total, over its range")
    truths = true_masks(torch.from_numpy(skies.centre_bhw + skies.disk_bhw), problem_settings.train)
    for who, maps in (("posterior", {name: of / counted for name, of in total.items()}), ("informed", informed)):
        for name, chance_bhw in maps.items():
            scores = {of: found.numpy() for of, found in pixel_scores(chance_bhw, truths[name]).items()}
            for of in ("accuracy", "auc"):
                rows.append((f"{who}, {name}: {of}", scores[of].mean(), scores[of].std() / len(scores[of]) ** 0.5))
            pooled = scores["histogram"].mean(axis=0)
            rows += [(f"{who}, {name}: {of}", statistic(pooled), np.nan) for of, statistic in POOLED.items()]
    rows.append(("seconds a sweep and sky", took / _SWEEPS / _SKIES, np.nan))
    for k, name in ((0, "A_dm"), (4, "N_gc"), (5, "N_disk")):
        rows.append((f"sweeps to decorrelate {name}", _sweeps_to_forget(drawn_sbk[:, :, k]), np.nan))
    return pd.DataFrame(rows, columns=("quantity", "value", "error")).round(4)


def _of_number(truth_b: Any, drawn_sb: Any, name: str) -> list[tuple[str, float, float]]:
    """Of the posterior's median, which has the least absolute error."""
    median_b = np.median(drawn_sb, axis=0)
    errors = {"stated": np.abs(drawn_sb - median_b).mean(axis=0), "found": np.abs(median_b - truth_b)}
    return [(f"{name}, {of}", miss_b.mean(), miss_b.std() / len(miss_b) ** 0.5) for of, miss_b in errors.items()]


def _sweeps_to_forget(drawn_sb: Any) -> float:
    """Integrated autocorrelation time, summed up to the first lag below 0.05."""
    off_sb = drawn_sb - drawn_sb.mean(axis=0)
    lags = [np.mean(off_sb[lag:] * off_sb[: len(off_sb) - lag]) / np.mean(off_sb**2) for lag in range(len(off_sb) // 2)]
    last = next((lag for lag, of in enumerate(lags) if of < 0.05), len(lags))
    return float(_EACH * (1 + 2 * sum(lags[1:last])))


if __name__ == "__main__":
    main()
