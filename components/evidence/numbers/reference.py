"""The prior-aware reference: how well anyone could do who knows the prior and the likelihood exactly.

    table = posterior_reference(problem, images, conditions, truth, simulation, draws=256, seed=7, cache=folder)
    metrics = reference_metrics(table, answers.of(first), problem.truths, settings)

The posterior mean has the least mean squared error over the prior (Lehmann & Casella 1998, theorem 4.1.1), which the
Cramér–Rao bound, made for unbiased estimators, does not promise; and no statement scores better in the mean than the
exact posterior. It does not depend on any model, so it is computed once for the same images and kept. All arrays have
one row an image.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats
from tqdm.auto import tqdm

from components.core import EvaluateSettings, TooFewDrawsError, code_of, settings_values, spread, value_digest
from components.evidence.intervals import Array, interval, rms
from components.evidence.numbers.answers import NETWORK, POSTERIOR, Answers
from components.evidence.numbers.scores import RANKED, chain_energy_score, crps, energy_score, sample_crps
from components.fields import Metric, no_metric
from models.estimators.numbers import LEVELS

if TYPE_CHECKING:
    from components.evidence.numbers.regression import RegressionQuestions

__label__ = "reference"

_WORTH_A_PROCESS = 16
"""Images, half a second each: a process that can sample them takes four seconds to start."""
_LEAST_IMAGES = 2


def posterior_reference(
    problem: "RegressionQuestions",
    images: np.ndarray[Any, Any],
    conditions: Array,
    truth: Array,
    bound: Array,
    simulation: Any,
    *,
    draws: int,
    seed: int,
    cache: Path,
) -> pd.DataFrame:
    """The exact posterior of every image and how it scores, computed on all cores or workers, or read from the cache.

    Args:
        problem: gives the posterior.
        images: as observed, shape (images, height, width).
        conditions: of each image.
        truth: of each image, where the sampling begins.
        bound: of each image.
        simulation: the problem's simulation settings.
        draws: of each posterior.
        seed: of the sampling.
        cache: folder where results are kept.

    Returns:
        Columns `mean_<truth>`, `median_<truth>`, `sd_<truth>`, `crps_<truth>`, `log_score` and `energy_score` (the last
        three as of `Answers`), NaN where the sampling was refused; `log_score` also where nobody knows the density.
    """
    seen = hashlib.sha256()
    for array in (images, conditions, truth, bound):
        seen.update(np.ascontiguousarray(array).tobytes())
    sources = problem.sources(simulation)
    code = (posterior_reference, *sources.reference)
    inputs = {
        **code_of(*code, unused=sources.unused).as_inputs(),
        "images": seen.hexdigest(),
        "simulation": settings_values(simulation),
        "draws": draws,
        "seed": seed,
    }
    key = value_digest(inputs)
    path = cache / f"reference-{key[:16]}.parquet"
    if path.exists():
        return pd.read_parquet(path)
    work = [
        (problem, image, condition, true, least, simulation, number, draws, seed + number)
        for number, (image, condition, true, least) in enumerate(zip(images, conditions, truth, bound, strict=True))
    ]
    found = spread(_posterior, work, code=code, unused=sources.unused, least=_WORTH_A_PROCESS)
    of_image = dict(tqdm(found, total=len(work), desc="reference", unit="img", disable=None))
    rows = [of_image[number] for number in range(len(work))]
    names = [f"{quantity}_{name}" for quantity in ("mean", "median", "sd", "crps") for name in problem.truths]
    table = pd.DataFrame(rows, columns=[*names, "log_score", "energy_score"])
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    table.to_parquet(partial, index=False)
    partial.replace(path)
    return table


def reference_metrics(
    reference: pd.DataFrame, answers: Answers, truths: tuple[str, ...], settings: EvaluateSettings
) -> dict[str, Metric]:
    """What the posterior and the network alone lose to the exact posterior, on the same images under the same noise.

    `<answer>.rmse_over_exact.<truth>` is the RMSE over that of the exact mean, `posterior.stated_over_exact.<truth>`
    the stated error over the exact sd (its sharpness: 1 is all that the image allows), `<answer>.log_score_over_exact`
    the nats that are lost, also by the mixture and by the single Gaussian behind the posterior,
    `posterior.away_from_exact.<truth>` the mean square distance of the two means over the exact variance, and
    `posterior.crps_over_exact.<truth>` and `posterior.energy_over_exact` are ratios. Each image's errors are in units
    of its exact sd, so that no image outweighs the others. Where the exact posterior is a chain of n independent draws,
    its own mean errs by 1 + 1/n in the square, which these ratios do not take out. A metric says why it is
    missing when fewer than two images have a reference.
    """
    known = sampled(reference)
    exact, ours = reference[known], answers.of(known)
    found: dict[str, Callable[[], Metric]] = {}

    def ratio(above: Array, below: Array, mean: Callable[..., Any]) -> Callable[[], Metric]:
        return lambda: ratio_of_means(above, below, mean, settings)

    def mean_square(values: Array) -> Callable[[], Metric]:
        return lambda: interval(values**2, np.mean, settings.bootstrap, settings.seed)

    def nats(scores: Array) -> Callable[[], Metric]:
        lost = scores - exact["log_score"].to_numpy()
        return lambda: interval(lost, np.mean, settings.bootstrap, settings.seed)

    for i, truth in enumerate(truths):
        sd = exact[f"sd_{truth}"].to_numpy()
        best = (exact[f"mean_{truth}"].to_numpy() - ours.truth[:, i]) / sd
        for name in (POSTERIOR, NETWORK):
            found[f"{name}.rmse_over_exact.{truth}"] = ratio((ours.value(name) - ours.truth)[:, i] / sd, best, rms)
        stated, least = ours.posterior_error[:, i] / sd, np.ones_like(sd)
        found[f"{POSTERIOR}.stated_over_exact.{truth}"] = ratio(stated, least, rms)
        scores, least = ours.crps[:, i], exact[f"crps_{truth}"].to_numpy()
        found[f"{POSTERIOR}.crps_over_exact.{truth}"] = ratio(scores, least, np.mean)
    if exact["log_score"].notna().any() or exact.empty:
        found[f"{POSTERIOR}.log_score_over_exact"] = nats(ours.log_score)
        found[f"{NETWORK}.log_score_over_exact"] = nats(ours.network_log_score)
    if np.isfinite(ours.effective).all():
        found["mixture.log_score_over_exact"] = nats(ours.mixture_log_score)
        found["gaussian.log_score_over_exact"] = nats(ours.gaussian_log_score)
        missed = (ours.posterior - exact[[f"mean_{truth}" for truth in truths]].to_numpy()) / sd_of(exact, truths)
        for i, truth in enumerate(truths):
            found[f"{POSTERIOR}.away_from_exact.{truth}"] = mean_square(missed[:, i])
    found[f"{POSTERIOR}.energy_over_exact"] = ratio(ours.energy_score, exact["energy_score"].to_numpy(), np.mean)
    if known.sum() < _LEAST_IMAGES:
        lost = no_metric(f"the exact posterior is known of {known.sum()} images, and {_LEAST_IMAGES} are needed")
        return dict.fromkeys(found, lost)
    return {name: measure() for name, measure in found.items()}


def sampled(reference: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The images whose exact posterior is known."""
    counted = reference if reference["log_score"].notna().any() else reference.drop(columns="log_score")
    known: np.ndarray[Any, np.dtype[np.bool_]] = counted.notna().all(axis=1).to_numpy()
    return known


def sd_of(exact: pd.DataFrame, truths: tuple[str, ...]) -> Array:
    """The exact sds, shape (images, truths)."""
    found: Array = exact[[f"sd_{truth}" for truth in truths]].to_numpy()
    return found


def ratio_of_means(above: Array, below: Array, mean: Callable[..., Any], settings: EvaluateSettings) -> Metric:
    """A mean over another's, with the interval of both together."""

    def ratio(above: Array, below: Array, axis: int = -1) -> Any:
        return mean(above, axis=axis) / mean(below, axis=axis)

    value = float(ratio(above, below))
    if not np.isfinite(above).all():
        return no_metric("an answer to an image of the reference is not finite")
    spread = stats.bootstrap(
        (above, below),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=settings.bootstrap,
        method="percentile",
        rng=np.random.default_rng(settings.seed),
    ).confidence_interval
    return Metric(value=value, low=float(spread.low), high=float(spread.high))


def _posterior(
    work: tuple["RegressionQuestions", np.ndarray[Any, Any], Array, Array, Array, Any, int, int, int],
) -> list[float]:
    problem, image, conditions, truth, bound, simulation, row, draws, seed = work
    try:
        exact = problem.posterior(image, conditions, truth, simulation, row=row, draws=draws, seed=seed)
    except TooFewDrawsError:  # the row says so by holding no number
        return [float("nan")] * (4 * len(problem.truths) + 2)
    if exact.steps_apart:
        scores = sample_crps(exact.samples, truth, exact.steps_apart) / bound
        energy = chain_energy_score(exact.samples, truth, bound, exact.steps_apart)
    else:
        scores = crps(exact.quantiles[None][:, :, RANKED], truth[None])[0] / bound
        energy = float(energy_score(exact.samples[None], truth[None], bound[None])[0])
    density = exact.log_density
    log_score = float("nan") if density is None else -density - float(np.log(bound).sum())
    median = exact.quantiles[:, LEVELS.index(0.5)]
    return [*exact.mean, *median, *exact.sd, *scores, log_score if np.isfinite(log_score) else float("nan"), energy]
