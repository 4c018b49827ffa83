"""Intervals that hold what they promise: the reported quantiles moved to where the truths of fresh images lie.

    recalibrate(problem, estimator, settings)

A Gaussian has other tails than truths have, and of few draws the outer ones are uncertain. Each parameter's quantiles
are put where truths of their rank lie (`Known.pulls`) among images drawn for this alone, so that over the prior every
interval has its coverage by construction (Kuleshov, Fenner & Ermon 2018, for all images at once). Images that anything
else learned from or was chosen by would give intervals that are too short.
"""

from typing import cast

import torch
from torch import Tensor

from components.core import ProblemSettings
from components.fields import Problem, fresh_batches, fresh_seed
from components.training.numbers.settings import NumbersTrainSettings
from models.estimators.numbers import NumbersEstimator

__label__ = "recalibration"


def recalibrate(problem: Problem, estimator: NumbersEstimator, settings: ProblemSettings) -> None:
    """Set the estimator's quantiles, and where nothing was searched for how rare a departure must be to count."""
    device, train = estimator.quantile_pq.device, cast(NumbersTrainSettings, settings.train)
    seed, count = fresh_seed(train.seed, "recalibration"), train.recalibration_images
    pulls: list[Tensor] = []
    snrs: list[Tensor] = []
    rarest: list[Tensor] = []
    with torch.inference_mode():
        for batch in fresh_batches(problem, settings, seed=seed, count=count, device=device):
            image_bhw, conditions_bc = batch.inputs["image"], estimator.conditions(batch.inputs)
            known = estimator.known(image_bhw, conditions_bc)
            pulls.append(known.pulls(estimator.truths(batch.targets)))
            if known.snr_b is not None:
                snrs.append(known.snr_b)
                continue
            held = estimator.answer_of(known, image_bhw, conditions_bc).held
            if held is not None:
                rarest.append(held.departures.rarest_b)
        estimator.calibrate(torch.cat(pulls), torch.cat(snrs) if snrs else None)
        if rarest:
            estimator.calibrate_departures(torch.cat(rarest))
