"""Scoring put behind a trained network, and a correction that knows what it leaves open.

    estimator = add_scoring(problem, network_estimator, dataset, settings)

The correction (`models/estimators`) is trained on images that nobody has seen, and kept at the epoch at which it does
best on the validation images. Shape suffixes: b batch, p parameters, f features, o outputs.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from components.core import ProblemSettings
from components.fields import Batch, Dataset, Problem, fresh_batches, fresh_seed
from components.training.batches import observed_validation
from components.training.numbers.settings import ScoringTrainSettings
from models.estimators.numbers import NumbersEstimator, ScoringEstimator

__label__ = "scoring_correction"

_EPOCHS = 40
_BATCH = 256
_LEARNING_RATE = 2e-3


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What was found."""

    converged: float
    """Share of the validation images whose search converged."""
    network_loss: float
    """Mean negative log-likelihood of the validation truths under what the network says."""
    corrected_loss: float
    """The same under what the correction says."""


class _Known(NamedTuple):
    """What the correction learns from."""

    features_bf: Tensor
    vector_bo: Tensor
    standard_bp: Tensor
    converged_b: Tensor


def add_scoring(
    problem: Problem, estimator: NumbersEstimator, dataset: Dataset, settings: ProblemSettings
) -> tuple[NumbersEstimator, dict[str, Any]]:
    """A trained network with scoring behind it, and what came of it, as JSON-able values.

    The estimator is returned as it is where nothing can be drawn, or `scoring_steps` is 0.
    """
    device = next(estimator.parameters()).device
    train = cast(ScoringTrainSettings, settings.train)
    validation = partial(observed_validation, problem, dataset, settings, device)
    if estimator.drawing is None or train.scoring_steps == 0:
        return estimator, {}
    scoring = ScoringEstimator({**estimator.config, "scoring_steps": train.scoring_steps}).to(device).eval()
    scoring.load_state_dict(estimator.state_dict(), strict=False)
    count = train.correction_images
    # Not those that the network learned from: it is surer of them than it may be.
    fresh = fresh_batches(problem, settings, seed=fresh_seed(train.seed, "correction"), count=count, device=device)
    shown = tqdm(fresh, total=-(-count // _BATCH), desc="scoring", unit="batch", disable=None)
    learned, judged = _known(scoring, shown), _known(scoring, validation())
    before = _loss(scoring, judged)
    after = _train(scoring, learned, judged, train.seed)
    converged = float(judged.converged_b.float().mean())
    found = Scoring(converged=converged, network_loss=before, corrected_loss=after)
    return scoring, asdict(found)


def _known(scoring: ScoringEstimator, batches: Iterable[Batch]) -> _Known:
    parts = []
    with torch.inference_mode():
        for batch in batches:
            image_bhw, conditions_bc = batch.inputs["image"], scoring.conditions(batch.inputs)
            vector_bo = scoring.vector(image_bhw, conditions_bc).answer_bo
            start_bp = scoring.answer(scoring.read(vector_bo), conditions_bc).mean_bp
            scored = scoring.scored(image_bhw, conditions_bc, start_bp)
            parts.append(
                _Known(
                    scoring.features(scored.maximum_bp, scored.covariance_bpp, vector_bo, conditions_bc),
                    vector_bo,
                    scoring.standardise(scoring.truths(batch.targets), conditions_bc),
                    scored.converged_b,
                )
            )
    # Tensors made under inference_mode cannot be trained on; concatenating outside of it makes ordinary ones.
    return _Known(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _loss(scoring: ScoringEstimator, known: _Known) -> float:
    with torch.inference_mode():
        gaussian = scoring.read(scoring.corrected(known.features_bf, known.vector_bo))
        return float(gaussian.negative_log_likelihood(known.standard_bp).mean())


def _train(scoring: ScoringEstimator, learned: _Known, judged: _Known, seed: int) -> float:
    """Train the correction alone and leave it at its best epoch; its loss on the validation images."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(scoring.correction.parameters(), lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _EPOCHS)
    best, best_loss = _copied(scoring), _loss(scoring, judged)
    for _ in range(_EPOCHS):
        order = torch.from_numpy(rng.permutation(len(learned.features_bf))).to(learned.features_bf.device)
        for rows in torch.split(order, _BATCH):
            gaussian = scoring.read(scoring.corrected(learned.features_bf[rows], learned.vector_bo[rows]))
            loss = gaussian.negative_log_likelihood(learned.standard_bp[rows]).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
        loss_now = _loss(scoring, judged)
        if loss_now < best_loss:
            best, best_loss = _copied(scoring), loss_now
    scoring.correction.load_state_dict(best)
    return best_loss


def _copied(scoring: ScoringEstimator) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in scoring.correction.state_dict().items()}
