"""The mixture that draws from a posterior begin with, trained to hold the truth.

    loss = train_proposal(estimator, fits, seed=0)

Shape suffixes: b images, p parameters, f features.
"""

import numpy as np
import torch
from torch import Tensor

from components.training.numbers.fits import Fits
from models.estimators.numbers import Features, ScoringEstimator, mirrored

__label__ = "proposal_training"

_EPOCHS = 16
_BATCH = 256
_LEARNING_RATE = 2e-3
_FARTHEST = 30.0
"""Of a truth, in standard deviations of the Gaussian at the mode: no single one may turn the network over."""
_LARGEST_GRADIENT = 5.0


def train_proposal(estimator: ScoringEstimator, fits: Fits, *, seed: int) -> float:
    """Train on every realisation of every galaxy, mirrored or not; the last epoch's mean −ln density, in the frame."""
    even_bf, odd_bf, inward_bp = (part.flatten(0, 1) for part in (fits.even_brf, fits.odd_brf, fits.inward_brp))
    inward_bp = inward_bp.clamp(-_FARTHEST, _FARTHEST)
    rng = np.random.default_rng([seed, 1])
    losses: list[float] = []
    parameters = list(estimator.proposal.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=_LEARNING_RATE)
    steps = _EPOCHS * -(-len(even_bf) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps, pct_start=0.1)
    for _ in range(_EPOCHS):
        losses.clear()
        order = torch.from_numpy(rng.permutation(len(even_bf))).to(even_bf.device)
        for rows in torch.split(order, _BATCH):
            sign_b = torch.from_numpy(rng.choice([-1.0, 1.0], len(rows)).astype(np.float32)).to(even_bf.device)
            given, place_bsp = mirrored(Features(even_bf[rows], odd_bf[rows]), inward_bp[rows, None], sign_b)
            loss: Tensor = -estimator.proposal(given).log_density(place_bsp).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, _LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return float(np.mean(losses))
