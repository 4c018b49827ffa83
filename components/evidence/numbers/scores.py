"""Proper scores of what is stated: in the mean, nothing scores better than the right distribution.

So a model can gain by knowing more alone, and by no trick with its errors (Gneiting & Raftery 2007).

    crps(quantile_bpq, truth_bp), energy_score(sample_bsp, truth_bp, bound_bp)

The log score is the density's own (`models/estimators`). Shape suffixes: b images, p truths, q quantiles, s samples.
"""

import numpy as np

from components.evidence.intervals import Array
from models.estimators.numbers import LEVELS

__label__ = "scores"

RANKED = [index for index, level in enumerate(LEVELS) if abs(level * 40 - round(level * 40)) < 1e-9]
"""Which of the quantiles are at the fortieths."""
_LEVEL = np.array(LEVELS)[RANKED]
RANKS = len(RANKED) + 1
"""Values that a rank among them can take."""
_SHIFTS = 8
"""Partners of each sample, of those that are drawn independently of it."""


def crps(quantile_bpq: Array, truth_bp: Array) -> Array:
    """Continuous ranked probability scores, from quantiles at every fortieth, in the truths' units, shape (b, p).

    Twice the integral of the quantile (pinball) score over all levels (Gneiting & Raftery 2007, eq. 20 and 24). For a
    Gaussian that is right its expectation is 0.564 standard deviations.

    Args:
        quantile_bpq: shape (b, p, q).
        truth_bp: shape (b, p).
    """
    above_bpq = truth_bp[:, :, None] - quantile_bpq
    scores: Array = 2 * np.maximum(_LEVEL * above_bpq, (_LEVEL - 1) * above_bpq).sum(axis=2) / (len(_LEVEL) + 1)
    return scores


def sample_crps(sample_sp: Array, truth_p: Array, steps_apart: int) -> Array:
    """E|X − θ| − ½ E|X − X′| of a chain's draws X, each parameter by itself (Gneiting & Raftery 2007, eq. 21), (p,).

    Right on average however few the draws are, since X′ is far from X in the chain: quantiles of few are not.

    Args:
        sample_sp: in the chain's order, shape (s, p).
        truth_p: shape (p,).
        steps_apart: of draws that are independent.
    """
    away_p = np.abs(sample_sp - truth_p).mean(axis=0)
    apart_p = np.abs(sample_sp[steps_apart:] - sample_sp[:-steps_apart]).mean(axis=0)
    scores: Array = away_p - apart_p / 2
    return scores


def chain_energy_score(sample_sp: Array, truth_p: Array, bound_p: Array, steps_apart: int) -> float:
    """The same of all parameters together, in units of the bound."""
    scaled_sp = sample_sp / bound_p
    away = np.linalg.norm(scaled_sp - truth_p / bound_p, axis=1).mean()
    apart = np.linalg.norm(scaled_sp[steps_apart:] - scaled_sp[:-steps_apart], axis=1).mean()
    return float(away - apart / 2)


def energy_score(sample_bsp: Array, truth_bp: Array, bound_bp: Array) -> Array:
    """E|X − θ| − ½ E|X − X′| of samples X in units of the bound (Gneiting & Raftery 2007, eq. 22), shape (b,).

    Args:
        sample_bsp: shape (b, s, p); the first half is of independent draws.
        truth_bp: shape (b, p).
        bound_bp: shape (b, p).
    """
    scaled_bsp = sample_bsp / bound_bp[:, None]
    half_bsp = scaled_bsp[:, : sample_bsp.shape[1] // 2]
    away_b = np.linalg.norm(scaled_bsp - (truth_bp / bound_bp)[:, None], axis=2).mean(axis=1)
    apart = [
        np.linalg.norm(half_bsp - np.roll(half_bsp, shift, axis=1), axis=2).mean(axis=1)
        for shift in range(1, _SHIFTS + 1)
    ]
    score_b: Array = away_b - np.mean(apart, axis=0) / 2
    return score_b
