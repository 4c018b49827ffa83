"""Bias over the prior: fixed objects, each under many pairs of opposite noise.

    table = measure_grid(problem, answer, points, settings, pairs=512, seed=7, device=device, progress=progress)
    metrics = grid_metrics(table, answers, truths, resamplings=1000, seed=7)

What is linear in the noise cancels within a pair, so that biases come out to a few hundredths of the bound. All
intervals of a table hold together with 95 % probability (Šidák 1967). Shape suffixes: n images, p truths, h, w pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from components.evidence.failures import observed
from components.evidence.intervals import Array, interval
from components.evidence.numbers.answers import LIKELIHOOD, POSTERIOR
from components.fields import Answer, Metric, opposite

if TYPE_CHECKING:
    import torch

    from components.core import ProblemSettings
    from components.evidence.numbers.regression import RegressionQuestions

__label__ = "bias_grid"

UNBIASED = 0.25
"""Bounds: the most |bias| of an answer that counts as unbiased."""
_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class GridPoint:
    """An object that is seen again and again."""

    stored: Mapping[str, Array]
    """Its stored fields, one row."""
    covariance_pp: Array
    """F⁻¹, of efficient estimates."""
    efficient_phw: Array
    """An efficient estimate's error is the sum of the noise's pixels times these: F⁻¹ ∂image/∂p over the variance."""
    slice: str
    """Name of the slice that it is in."""
    judged: frozenset[str]
    """The truths that are not so near the edges of what can be drawn that no estimate could be unbiased."""
    columns: Mapping[str, float]
    """Where it lies, for tables and pictures."""


def measure_grid(
    problem: "RegressionQuestions",
    answer: Answer,
    points: Sequence[GridPoint],
    settings: "ProblemSettings",
    *,
    pairs: int,
    seed: int,
    device: "torch.device",
    progress: Callable[[int], object],
) -> pd.DataFrame:
    """Measure a model at every point.

    Args:
        problem: draws the noise.
        answer: the model.
        points: the objects.
        settings: the problem's.
        pairs: of images of each.
        seed: of the noise.
        device: where batches lie.
        progress: told how many images were answered.

    Returns:
        One row a point, answer and truth: the point's `columns`, `slice`, `judged`, `crb`, `bias_over_crb` with its
        interval `low` to `high`, `rmse_over_crb`, and `rmse_over_biased_bound` (Kay 1993, appendix 3B).
    """
    rows = []
    for number, point in enumerate(points):
        truth_p = np.array([point.stored[name][0] for name in problem.truths], dtype=np.float64)
        crb_p = np.sqrt(np.diagonal(point.covariance_pp))
        errors, efficient_np = _errors(problem, answer, point, truth_p, settings, pairs, [seed, number], device)
        progress(2 * pairs)
        for name, error_np in errors.items():
            bias_p, scatter_p = _bias(error_np)
            least_p = _biased_bound(error_np, efficient_np, point.covariance_pp)
            rmse_p = np.sqrt(np.mean(error_np**2, axis=0))
            rows += [
                {
                    "point": number,
                    "answer": name,
                    "truth": truth,
                    **point.columns,
                    "slice": point.slice,
                    "judged": truth in point.judged,
                    "crb": crb_p[i],
                    "bias_over_crb": bias_p[i] / crb_p[i],
                    "scatter": scatter_p[i] / crb_p[i],
                    "rmse_over_crb": rmse_p[i] / crb_p[i],
                    "rmse_over_biased_bound": rmse_p[i] / least_p[i],
                }
                for i, truth in enumerate(problem.truths)
            ]
    table = pd.DataFrame(rows)
    confidence = _CONFIDENCE ** (1 / len(table))
    reach = stats.t.ppf((1 + confidence) / 2, pairs - 1) * table.pop("scatter")
    return table.assign(low=table["bias_over_crb"] - reach, high=table["bias_over_crb"] + reach)


def grid_metrics(table: pd.DataFrame, *, resamplings: int, seed: int) -> dict[str, Metric]:
    """`grid.<answer>.unbiased.<truth>`, `grid.<answer>.rmse_over_biased_bound.<truth>`, `grid.points.<truth>.<slice>`.

    The first is the share of judged points with |bias| ≤ `UNBIASED`; its interval goes from those whose whole interval
    is to those whose interval reaches there. The last is how many points are judged in a slice.
    """
    metrics: dict[str, Metric] = {}
    judged = table[table["judged"]]
    for (answer, truth), rows in judged.groupby(["answer", "truth"]):
        bias, low, high = (rows[name].to_numpy() for name in ("bias_over_crb", "low", "high"))
        metrics[f"grid.{answer}.unbiased.{truth}"] = Metric(
            value=float(np.mean(np.abs(bias) <= UNBIASED)),
            low=float(np.mean((low >= -UNBIASED) & (high <= UNBIASED))),
            high=float(np.mean((low <= UNBIASED) & (high >= -UNBIASED))),
        )
        over = interval(rows["rmse_over_biased_bound"].to_numpy(), np.mean, resamplings, seed)
        metrics[f"grid.{answer}.rmse_over_biased_bound.{truth}"] = over
    for (truth, where), rows in judged.groupby(["truth", "slice"]):
        count = float(rows["point"].nunique())
        metrics[f"grid.points.{truth}.{where}"] = Metric(value=count, low=count, high=count)
    return metrics


def _errors(
    problem: "RegressionQuestions",
    answer: Answer,
    point: GridPoint,
    truth_p: Array,
    settings: "ProblemSettings",
    pairs: int,
    seed: Sequence[int],
    device: "torch.device",
) -> tuple[dict[str, Array], Array]:
    """What each answer gets wrong, and what an efficient estimate would; both halves are under opposite noise."""
    halves: tuple[list[dict[str, Array]], list[dict[str, Array]]] = ([], [])
    for batch in observed(problem, point.stored, settings, seed=seed, device=device, count=pairs):
        for parts, seen in zip(halves, (batch, opposite(batch)), strict=True):
            outputs = answer(seen.inputs)
            noise_nhw = (seen.inputs["image"] - seen.targets["clean_image"]).double().cpu().numpy()
            found = {
                name: np.stack([outputs[f"{name}_{truth}"].double().cpu().numpy() for truth in problem.truths], axis=1)
                for name in (POSTERIOR, LIKELIHOOD)
                if f"{name}_{problem.truths[0]}" in outputs
            }
            parts.append(
                {
                    **{name: of - truth_p for name, of in found.items()},
                    "": np.einsum("nhw,phw->np", noise_nhw, point.efficient_phw),
                }
            )
    joined = {name: np.concatenate([part[name] for half in halves for part in half]) for name in halves[0][0]}
    efficient_np = joined.pop("")
    return joined, efficient_np


def _bias(error_np: Array) -> tuple[Array, Array]:
    """Mean error, and its standard deviation by the scatter of pairs."""
    mean_kp = error_np.reshape(2, -1, error_np.shape[1]).mean(axis=0)
    return mean_kp.mean(axis=0), mean_kp.std(axis=0, ddof=1) / np.sqrt(len(mean_kp))


def _biased_bound(error_np: Array, efficient_np: Array, covariance_pp: Array) -> Array:
    """√(b² + diag (I + ∇b) F⁻¹ (I + ∇b)ᵀ), without any image beside the point's own.

    An efficient estimate's error t is F⁻¹ times the score s, and ∂E[estimate]/∂p = E[estimate · s]: I + ∇b are the
    coefficients of the regression of an answer's errors on t.
    """
    bias_p = error_np.mean(axis=0)
    stretch_pp = np.linalg.lstsq(efficient_np, error_np - bias_p, rcond=None)[0].T
    bound_p: Array = np.sqrt(bias_p**2 + np.diagonal(stretch_pp @ covariance_pp @ stretch_pp.T))
    return bound_p
