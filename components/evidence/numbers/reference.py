"""The prior-aware reference: how well anyone could do who knows the prior and the likelihood exactly.

    table = posterior_reference(problem, images, conditions, truth, simulation, seed=7, cache=folder)

The posterior mean has the least mean squared error over the prior (Lehmann & Casella 1998, theorem 4.1.1), which the
Cramér–Rao bound, made for unbiased estimators, does not promise. It does not depend on any model, so it is computed
once for the same images and kept. All arrays have one row an image.
"""

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats
from tqdm.auto import tqdm

from components.core import AssayError, code_of, die_with_parent, settings_values, value_digest
from components.evidence.intervals import Array, rms
from components.fields import Metric

if TYPE_CHECKING:
    from components.core import EvaluateSettings
    from components.evidence.numbers.regression import RegressionQuestions

__label__ = "reference"

_WORTH_A_PROCESS = 16
"""Images, half a second each: a process that can sample them takes four seconds to start."""


def posterior_reference(
    problem: "RegressionQuestions",
    images: np.ndarray[Any, Any],
    conditions: Array,
    truth: Array,
    simulation: Any,
    *,
    seed: int,
    cache: Path,
) -> pd.DataFrame:
    """Posterior mean and sd of every image, computed on all cores or read from the cache.

    Args:
        problem: gives the posterior.
        images: as observed, shape (images, height, width).
        conditions: of each image.
        truth: of each image, where the sampling begins.
        simulation: the problem's simulation settings.
        seed: of the sampling.
        cache: folder where results are kept.

    Returns:
        Columns `mean_<truth>` and `sd_<truth>`, NaN where the sampling was refused.
    """
    seen = hashlib.sha256()
    for array in (images, conditions, truth):
        seen.update(np.ascontiguousarray(array).tobytes())
    sources = problem.sources(simulation)
    inputs = {
        **code_of(posterior_reference, *sources.reference, unused=sources.unused).as_inputs(),
        "images": seen.hexdigest(),
        "simulation": settings_values(simulation),
        "seed": seed,
    }
    key = value_digest(inputs)
    path = cache / f"reference-{key[:16]}.parquet"
    if path.exists():
        return pd.read_parquet(path)
    work = [
        (problem, image, condition, begin, simulation, seed + number)
        for number, (image, condition, begin) in enumerate(zip(images, conditions, truth, strict=True))
    ]
    with _processes(len(work)) as spread:
        rows = list(tqdm(spread(_posterior, work), total=len(work), desc="reference", unit="img", disable=None))
    names = [f"{quantity}_{name}" for quantity in ("mean", "sd") for name in problem.truths]
    table = pd.DataFrame(rows, columns=names)
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    table.to_parquet(partial, index=False)
    partial.replace(path)
    return table


def reference_metrics(
    reference: pd.DataFrame, value: Array, truth: Array, truths: tuple[str, ...], settings: "EvaluateSettings"
) -> dict[str, Metric]:
    """`rmse_over_posterior.<truth>`: RMSE over that of the posterior mean, on the same images under the same noise.

    Each image's errors are in units of its posterior sd, so that no image outweighs the others. Not finite, so that a
    gate refuses it, when fewer than two images have a reference.
    """
    known = reference.notna().all(axis=1).to_numpy()
    if known.sum() < 2:
        nothing = Metric(value=float("nan"), low=float("nan"), high=float("nan"))
        return {f"rmse_over_posterior.{name}": nothing for name in truths}
    metrics = {}
    for i, name in enumerate(truths):
        sd = reference[f"sd_{name}"].to_numpy()[known]
        ours = (value[known, i] - truth[known, i]) / sd
        best = (reference[f"mean_{name}"].to_numpy()[known] - truth[known, i]) / sd

        def ratio(ours: Array, best: Array, axis: int = -1) -> Any:
            return rms(ours, axis=axis) / rms(best, axis=axis)

        spread = stats.bootstrap(
            (ours, best),
            ratio,
            paired=True,
            vectorized=True,
            n_resamples=settings.bootstrap,
            method="percentile",
            rng=np.random.default_rng(settings.seed),
        ).confidence_interval
        metrics[f"rmse_over_posterior.{name}"] = Metric(
            value=float(ratio(ours, best)), low=float(spread.low), high=float(spread.high)
        )
    return metrics


@contextmanager
def _processes(jobs: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """A `map` over all cores; over this process alone when starting others would take longer than the work."""
    if jobs < _WORTH_A_PROCESS:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, initializer=die_with_parent) as pool:
        yield pool.map


def _posterior(
    work: tuple["RegressionQuestions", np.ndarray[Any, Any], Array, Array, Any, int],
) -> list[float]:
    problem, image, conditions, begin, simulation, seed = work
    try:
        mean, sd = problem.posterior(image, conditions, begin, simulation, seed=seed)
    except AssayError:  # too few effective samples: the row says so by holding no number
        return [float("nan")] * (2 * len(problem.truths))
    return [*mean, *sd]
