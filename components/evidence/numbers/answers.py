"""What a model answers to many images, as arrays, and what that says of its errors.

answers = ask(answer, batches, problem.truths, truth=truth, bound=bound)
answers.errors(), answers.covered(0.68), answers.ranks()
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evidence.intervals import Array
from components.evidence.numbers.errors_over_bound import Errors
from models.estimators.numbers import LEVELS

if TYPE_CHECKING:
    from components.fields import Answer, Batch

__label__ = "answers"


_EVEN = [index for index, level in enumerate(LEVELS) if abs(level * 40 - round(level * 40)) < 1e-9]
_LEVEL = np.array(LEVELS)[_EVEN]
RANKS = len(_EVEN) + 1
"""Values that a rank can take."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers beside the truth; shapes (images, truths) unless said otherwise."""

    truth: Array
    bound: Array
    value: Array
    error: Array
    """The root mean square error that the model itself reports."""
    unscored: Array
    """The network's own value, before any scoring step."""
    low68: Array
    high68: Array
    low95: Array
    high95: Array
    rank: Array
    """How many of the reported 2.5 %-quantiles lie below the truth, 0 to 39: uniform when they are right."""
    crps: Array
    """Continuous ranked probability score of what is stated, in its unit: small where that is right *and* sharp."""
    misfit: Array
    """χ² against the drawn answer in standard deviations, shape (images,); NaN where nothing can be drawn."""
    snr: Array
    """SNR of the drawn answer, shape (images,)."""
    converged: Array
    """1 where the search for the value converged, else 0, shape (images,); NaN where none is made."""

    def errors(self) -> Errors:
        """Of the values."""
        return Errors(miss=self.value - self.truth, bound=self.bound)

    def unscored_errors(self) -> Errors:
        """Of the network alone."""
        return Errors(miss=self.unscored - self.truth, bound=self.bound)

    def covered(self, percent: int) -> Array:
        """1 where the truth lies in the 68 % or 95 % interval, else 0."""
        low, high = (self.low68, self.high68) if percent == 68 else (self.low95, self.high95)
        inside: Array = ((low <= self.truth) & (self.truth <= high)).astype(np.float64)
        return inside

    def of(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> "Answers":
        """The same for some of the images."""
        return Answers(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def ask(
    answer: "Answer",
    batches: "Iterable[Batch]",
    truths: Sequence[str],
    *,
    truth: Array,
    bound: Array,
    progress: Callable[[int], object] = lambda _: None,
) -> Answers:
    """Have every image answered.

    Args:
        answer: the model.
        batches: the images.
        truths: names of the parameters.
        truth: of each image, in the batches' order.
        bound: of each image.
        progress: told how many images were answered.
    """
    columns: dict[str, list[Array]] = {field.name: [] for field in fields(Answers)}
    done = 0
    for batch in batches:
        outputs = {name: array.double().cpu().numpy() for name, array in answer(batch.inputs).items()}
        count = batch.count
        rows = slice(done, done + count)
        (low68, high68), (low95, high95) = (
            np.stack([outputs[f"{name}_interval{percent}"] for name in truths], axis=1).transpose(2, 0, 1)
            for percent in (68, 95)
        )
        none = np.full(count, np.nan)
        quantile_bpq = outputs["quantiles"][:, :, _EVEN]
        below_bpq = quantile_bpq < truth[rows, :, None]
        for name, values in {
            "truth": truth[rows],
            "bound": bound[rows],
            "value": np.stack([outputs[name] for name in truths], axis=1),
            "error": np.stack([outputs[f"{name}_error"] for name in truths], axis=1),
            "unscored": outputs["unscored"],
            "low68": low68,
            "high68": high68,
            "low95": low95,
            "high95": high95,
            "rank": below_bpq.sum(axis=2).astype(np.float64),
            "crps": crps(quantile_bpq, truth[rows]),
            "misfit": outputs.get("misfit", none),
            "snr": outputs.get("snr", none),
            "converged": outputs.get("converged", none),
        }.items():
            columns[name].append(values)
        done += count
        progress(count)
    return Answers(**{name: np.concatenate(parts) for name, parts in columns.items()})


def crps(quantile_bpq: Array, truth_bp: Array) -> Array:
    """Continuous ranked probability scores, from quantiles at every fortieth.

    Twice the integral of the quantile (pinball) score over all levels (Gneiting & Raftery 2007, eq. 20 and 24): the
    right distribution has the smallest expectation. For a Gaussian that is 0.564 standard deviations.

    Args:
        quantile_bpq: shape (b, p, q).
        truth_bp: shape (b, p).
    """
    above_bpq = truth_bp[:, :, None] - quantile_bpq
    scores: Array = 2 * np.maximum(_LEVEL * above_bpq, (_LEVEL - 1) * above_bpq).sum(axis=2) / (len(_LEVEL) + 1)
    return scores
