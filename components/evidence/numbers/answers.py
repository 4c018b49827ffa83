"""What a model answers to many images, as arrays: each answer by its name, and how what is stated scores.

    answers = ask(answer, batches, problem.truths, truth=truth, bound=bound)
    answers.errors("likelihood"), answers.covered68, answers.log_score

`posterior` is what is known given image and prior, `likelihood` what the image alone says (where a search was made),
`network` the mean of the model's network before that search.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evidence.intervals import Array
from components.evidence.numbers.errors_over_bound import Errors
from components.evidence.numbers.scores import RANKED, crps, energy_score
from models.estimators.numbers import FALSE_ALARMS, LEVELS, STEPS

if TYPE_CHECKING:
    from components.fields import Answer, Batch

__label__ = "answers"

NETWORK, POSTERIOR, LIKELIHOOD = "network", "posterior", "likelihood"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers beside the truth; shapes (images, truths) unless said otherwise."""

    truth: Array
    bound: Array
    network: Array
    posterior: Array
    median: Array
    """Of the posterior, which has the least absolute error."""
    posterior_error: Array
    """The root mean square error that the model itself states."""
    likelihood: Array
    """NaN where no search was made, as the next ones are."""
    likelihood_error: Array
    likelihood_chi2: Array
    """(value − truth)ᵀ C⁻¹ (value − truth) with the covariance that the likelihood states, shape (images,)."""
    covered68: Array
    """1 where the truth lies in the posterior's 68 % interval, else 0."""
    covered95: Array
    rank: Array
    """How many of the posterior's 2.5 %-quantiles lie below the truth, 0 to 39: uniform when they are right."""
    crps: Array
    """Continuous ranked probability score of the posterior, in bounds: small where that is right *and* sharp."""
    log_score: Array
    """−ln of the posterior's joint density at the truth, parameters in units of the bound; nats, shape (images,)."""
    network_log_score: Array
    """The same of what the network alone says."""
    mixture_log_score: Array
    """The same of the mixture that draws begin with; NaN where there are no draws, as the next ones are."""
    gaussian_log_score: Array
    """The same of the single Gaussian at the posterior's mode."""
    effective: Array
    """How many draws of the posterior count, shape (images,)."""
    energy_score: Array
    """Of the posterior's samples, in bounds, shape (images,)."""
    p_value: Array
    """Chance of as rare a departure from the drawn answer, shape (images,); NaN where nothing can be drawn."""
    sensitivity: Array
    """What a step of each of `STEPS` moves values by, in bounds, shape (images, steps, truths)."""
    snr: Array
    """SNR of the drawn answer, shape (images,)."""
    converged: Array
    """1 where the search for the likelihood's maximum converged, else 0, shape (images,)."""
    edge: Array
    """1 where that lies at an edge of what can be drawn, else 0, shape (images,)."""

    @property
    def names(self) -> tuple[str, ...]:
        """The answers that are served."""
        return (POSTERIOR, LIKELIHOOD) if np.isfinite(self.converged).all() else (POSTERIOR,)

    @property
    def departs(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where the image departs from the answer drawn, shape (images,); nowhere where nothing can be drawn."""
        departs: np.ndarray[Any, np.dtype[np.bool_]] = self.p_value < FALSE_ALARMS
        return departs

    def value(self, name: str) -> Array:
        """The values of an answer, or of the network alone."""
        found: Array = getattr(self, name)
        return found

    def error(self, name: str) -> Array:
        """The errors that an answer states."""
        found: Array = getattr(self, f"{name}_error")
        return found

    def errors(self, name: str) -> Errors:
        """What an answer, or the network alone, got wrong."""
        return Errors(miss=self.value(name) - self.truth, bound=self.bound)

    def of(self, chosen: np.ndarray[Any, Any]) -> "Answers":
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
    parts, done = [], 0
    for batch in batches:
        outputs = {name: array.double().cpu().numpy() for name, array in answer(batch.inputs, batch.targets).items()}
        rows = slice(done, done + batch.count)
        parts.append(_read(outputs, truths, truth[rows], bound[rows]))
        done += batch.count
        progress(batch.count)
    return joined(parts)


def joined(parts: Sequence[Answers]) -> Answers:
    """One after the other."""
    return Answers(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Answers)}
    )


def _read(outputs: Mapping[str, Array], truths: Sequence[str], truth_bp: Array, bound_bp: Array) -> Answers:
    none_b, none_bp = np.full(len(truth_bp), np.nan), np.full_like(truth_bp, np.nan)

    def columns(answer: str, ending: str = "") -> Array:
        found = [outputs.get(f"{answer}_{name}{ending}", none_b) for name in truths]
        return np.stack(found, axis=1)

    def covered(percent: int) -> Array:
        low_bp, high_bp = np.moveaxis(columns(POSTERIOR, f"_interval{percent}"), 2, 0)
        inside: Array = ((low_bp <= truth_bp) & (truth_bp <= high_bp)).astype(np.float64)
        return inside

    quantile_bpq = outputs["quantiles"][:, :, RANKED]
    below_bpq = quantile_bpq < truth_bp[:, :, None]
    log_bound_b = np.log(bound_bp).sum(axis=1)
    return Answers(
        truth=truth_bp,
        bound=bound_bp,
        network=outputs["network"],
        posterior=columns(POSTERIOR),
        median=outputs["quantiles"][:, :, LEVELS.index(0.5)],
        posterior_error=columns(POSTERIOR, "_error"),
        likelihood=columns(LIKELIHOOD),
        likelihood_error=columns(LIKELIHOOD, "_error"),
        likelihood_chi2=_chi2(outputs, columns(LIKELIHOOD) - truth_bp, columns(LIKELIHOOD, "_error")),
        covered68=covered(68),
        covered95=covered(95),
        rank=below_bpq.sum(axis=2).astype(np.float64),
        crps=crps(quantile_bpq, truth_bp) / bound_bp,
        log_score=-outputs["log_density"] - log_bound_b,
        network_log_score=-outputs["network_log_density"] - log_bound_b,
        mixture_log_score=-outputs.get("mixture_log_density", none_b) - log_bound_b,
        gaussian_log_score=-outputs.get("gaussian_log_density", none_b) - log_bound_b,
        effective=outputs.get("posterior_effective", none_b),
        energy_score=energy_score(outputs["samples"], truth_bp, bound_bp),
        p_value=outputs.get("p_value", none_b),
        sensitivity=np.stack([outputs.get(f"sensitivity_{name}", none_bp) for name in STEPS], axis=1),
        snr=outputs.get("snr", none_b),
        converged=outputs.get("likelihood_converged", none_b),
        edge=outputs.get("likelihood_edge", none_b),
    )


def _chi2(outputs: Mapping[str, Array], miss_bp: Array, error_bp: Array) -> Array:
    if f"{LIKELIHOOD}_correlation" not in outputs:
        return np.full(len(miss_bp), np.nan)
    pull_bp = miss_bp / error_bp
    inverse_bpp = np.linalg.pinv(outputs[f"{LIKELIHOOD}_correlation"], hermitian=True)
    chi2_b: Array = np.einsum("bp,bpq,bq->b", pull_bp, inverse_bpp, pull_bp)
    return chi2_b
