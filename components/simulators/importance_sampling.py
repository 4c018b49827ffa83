"""Posterior mean and covariance by adaptive importance sampling: the reference that knows the prior.

    posterior = sample_posterior(log_density, mean, covariance, seed=0)
    posterior.mean, posterior.sd

The Cramér–Rao bound is for unbiased estimators; where the prior says much, the posterior mean has a smaller error, and
none has a smaller mean squared error over the prior (Lehmann & Casella 1998, theorem 4.1.1). Proposals are Student-t
distributions, each fitted to the weighted samples so far (Cappé et al. 2004). The samples of all rounds count, weighted
by the mixture of all proposals (Cornuet et al. 2012), and a result that rests on too few of them is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_t

from components.core import TooFewDrawsError

__label__ = "posterior"

Array = np.ndarray[Any, np.dtype[np.float64]]

_DEGREES = 4
"""Degrees of freedom of the proposals: their tails are heavier than those of any posterior that a prior cuts off."""
_WIDENING = 1.5
"""Variance of a proposal over that of what it is fitted to, so that no tail is missed."""


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """What the data and the prior say together."""

    mean: Array
    """Of each quantity, shape (q,)."""
    covariance: Array
    """Shape (q, q)."""
    effective_samples: float
    """(Σ w)² / Σ w² (Kong 1992)."""
    log_evidence: float
    """ln of the integral of the density that was sampled: less this, it is normalised."""
    quantity_sq: Array
    """Every sample's quantities."""
    weight_s: Array
    """How much each counts; they add up to 1."""

    @property
    def sd(self) -> Array:
        """Standard deviation of each quantity, shape (q,)."""
        sd: Array = np.sqrt(np.diagonal(self.covariance))
        return sd

    def quantiles(self, levels: Sequence[float]) -> Array:
        """Quantiles of each quantity, shape (q, levels)."""
        found = []
        for value_s in self.quantity_sq.T:
            order = np.argsort(value_s)
            middle = np.cumsum(self.weight_s[order]) - self.weight_s[order] / 2
            found.append(np.interp(levels, middle, value_s[order]))
        return np.stack(found)

    def draws(self, count: int, rng: np.random.Generator) -> Array:
        """Independent draws of all quantities together, shape (count, q)."""
        drawn: Array = self.quantity_sq[rng.choice(len(self.weight_s), count, p=self.weight_s)]
        return drawn


def sample_posterior(
    log_density: Callable[[Array], Array],
    mean: Array,
    covariance: Array,
    *,
    quantities: Callable[[Array], Array] = lambda points: points,
    samples: int = 1024,
    rounds: int = 8,
    least_effective: float = 400,
    seed: int,
) -> Posterior:
    """Moments of a distribution that is known up to a constant.

    Args:
        log_density: from points, shape (s, p), to the logarithm of likelihood times prior, shape (s,), −inf where the
            prior is 0. Points are best taken in coordinates in which it is bounded and close to Gaussian.
        mean: where to look first, such as an estimate, shape (p,).
        covariance: how widely to look first, shape (p, p).
        quantities: from points to what the moments are wanted of, shape (s, q); the points themselves by default.
        samples: of each round.
        rounds: the later ones are fitted to the earlier ones.
        least_effective: fewer effective samples are refused; 400 give the mean to a twentieth of the sd.
        seed: of the samples.

    Raises:
        TooFewDrawsError: when the effective sample size is too small.
    """
    rng = np.random.default_rng(seed)
    proposals: list[Any] = []
    sample, target = np.empty((0, len(mean))), np.empty(0)
    for _ in range(rounds):
        proposals.append(multivariate_t(mean, _WIDENING * covariance, df=_DEGREES))
        drawn = np.reshape(proposals[-1].rvs(samples, random_state=rng), (samples, len(mean)))
        sample, target = np.concatenate([sample, drawn]), np.concatenate([target, log_density(drawn)])
        log_weight = target - logsumexp([proposal.logpdf(sample) for proposal in proposals], axis=0)
        if not np.isfinite(log_weight).any():
            raise TooFewDrawsError(f"none of {len(sample)} samples lies where the posterior is: start nearer to it")
        weight = np.exp(log_weight - logsumexp(log_weight))
        effective = float(1 / np.sum(weight**2))
        mean, fitted = _moments(sample, weight)
        # A fit to few samples is too narrow: it is trusted as far as it has samples.
        trust = min(1.0, effective / (20 * len(mean)))
        covariance = trust * fitted + (1 - trust) * covariance
    if effective < least_effective:
        raise TooFewDrawsError(
            f"effective sample size {effective:.0f} of {len(sample)} is below {least_effective:g}: ask for more samples"
        )
    quantity_sq = quantities(sample)
    mean, covariance = _moments(quantity_sq, weight)
    return Posterior(
        mean=mean,
        covariance=covariance,
        effective_samples=effective,
        log_evidence=float(logsumexp(log_weight)) - float(np.log(samples)),
        quantity_sq=quantity_sq,
        weight_s=weight / weight.sum(),
    )


def _moments(points: Array, weight: Array) -> tuple[Array, Array]:
    mean: Array = weight @ points
    covariance: Array = (points - mean).T @ ((points - mean) * weight[:, None])
    return mean, covariance
