"""Intervals that hold what they promise: the reported quantiles moved to where the truths of validation images lie.

    recalibrate(problem, estimator, dataset, settings)

An estimate is a Gaussian on the standard scales, and truths have other tails. Each parameter's quantiles are put at the
empirical ones of (truth − mean) / sd over the validation split, so that over the prior every interval has its coverage
by construction (Kuleshov, Fenner & Ermon 2018, for all images at once).
"""

import torch

from components.core import ProblemSettings
from components.fields import Dataset, Problem
from components.training.batches import observed_validation
from models.estimators.numbers import LEVELS, NumbersEstimator

__label__ = "recalibration"


def recalibrate(problem: Problem, estimator: NumbersEstimator, dataset: Dataset, settings: ProblemSettings) -> None:
    """Set the estimator's quantiles."""
    device = estimator.quantile_pq.device
    pulls = []
    with torch.inference_mode():
        for batch in observed_validation(problem, dataset, settings, device):
            conditions_bc = estimator.conditions(batch.inputs)
            gaussian = estimator.posterior(batch.inputs["image"], conditions_bc)
            miss_bp = estimator.standardise(estimator.truths(batch.targets), conditions_bc) - gaussian.mean_bp
            pulls.append(miss_bp / gaussian.covariance().diagonal(dim1=1, dim2=2).sqrt())
        found_qp = torch.quantile(torch.cat(pulls), torch.tensor(LEVELS, device=device), dim=0)
    estimator.quantile_pq.copy_(found_qp.T)
