"""Scoring put behind a trained network, and what is learned about where it ends.

    estimator, found = add_scoring(problem, network_estimator, dataset, settings)

Galaxies that nobody has seen are fitted once (`fits.py`); from them come the mixture that draws from a posterior begin
with (`proposal_training.py`), the bias of the likelihood's maximum (`bias_training.py`), and how rare a departure of
an image must be to count.
"""

from dataclasses import asdict, dataclass
from typing import Any, cast

import torch

from components.core import ProblemSettings
from components.fields import Dataset, Problem
from components.training.batches import observed_validation
from components.training.numbers.bias_training import bias_squared, train_bias
from components.training.numbers.fits import fit_fresh
from components.training.numbers.proposal_training import train_proposal
from components.training.numbers.settings import ScoringTrainSettings
from models.estimators.numbers import NumbersEstimator, ScoringEstimator

__label__ = "scoring_training"


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What was found on the validation images."""

    converged: float
    """Share of the searches that converged."""
    effective: float
    """Mean number of draws that count."""
    network_score: float
    """−ln density of the truths, in nats: what the network says."""
    mixture_score: float
    """What the mixture says."""
    posterior_score: float
    """What the posterior says."""
    bias: float
    """Root mean square bias of the maximum over the galaxies that were fitted, in bounds."""


def add_scoring(
    problem: Problem, estimator: NumbersEstimator, dataset: Dataset, settings: ProblemSettings
) -> tuple[NumbersEstimator, dict[str, Any]]:
    """A trained network with scoring behind it, and what came of it, as JSON-able values.

    The estimator is returned as it is where nothing can be drawn, or `scoring_steps` is 0.
    """
    device = next(estimator.parameters()).device
    train = cast(ScoringTrainSettings, settings.train)
    if estimator.drawing is None or train.scoring_steps == 0:
        return estimator, {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(train.seed)
        scoring = ScoringEstimator({**estimator.config, "scoring_steps": train.scoring_steps}).to(device).eval()
    scoring.load_state_dict(estimator.state_dict(), strict=False)
    fits = fit_fresh(problem, scoring, settings)
    train_proposal(scoring, fits, seed=train.seed)
    train_bias(scoring, fits, seed=train.seed)
    scoring.calibrate_departures(fits.rarest_br.flatten())
    return scoring, asdict(_found(problem, scoring, dataset, settings, bias_squared(fits.off_brp).mean().item()))


def _found(
    problem: Problem, scoring: ScoringEstimator, dataset: Dataset, settings: ProblemSettings, bias_squared: float
) -> Scoring:
    shares = ("likelihood_converged", "posterior_effective")
    densities = ("network_log_density", "mixture_log_density", "log_density")
    device = next(scoring.parameters()).device
    with torch.inference_mode():
        parts = [
            scoring.measured(batch.inputs, batch.targets)
            for batch in observed_validation(problem, dataset, settings, device)
        ]
    converged, effective, network, mixture, posterior = (
        float(torch.cat([part[name].double() for part in parts]).mean()) for name in (*shares, *densities)
    )
    return Scoring(
        converged=converged,
        effective=effective,
        network_score=-network,
        mixture_score=-mixture,
        posterior_score=-posterior,
        bias=max(bias_squared, 0.0) ** 0.5,
    )
