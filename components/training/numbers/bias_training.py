"""The bias of the likelihood's maximum, learned from galaxies whose truth is known.

    train_bias(estimator, fits, seed=0)

What is taken off depends on what was found, and what is wanted is that nothing is left on average for each true galaxy:
E[maximum − taken off | truth] = truth. Its square is estimated without bias by the product of what is left under
independent noise, whose mean is made small; a tenth as much counts the mean square error, since what is left can also
be made small by numbers that are wild. Shape suffixes: b galaxies, r realisations of the noise, p parameters.
"""

import numpy as np
import torch
from torch import Tensor

from components.training.numbers.fits import PAIRS, Fits
from models.estimators.numbers import ScoringEstimator

__label__ = "bias_training"

_EPOCHS = 20
_BATCH = 256
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1e-3
_ERROR_COUNTS = 0.1
"""Of the mean square error, in the loss. Over the prior the bias is 0.06–0.12 bounds then (root mean square), and the
RMSE below that of the maximum itself; with 0.02 it is 0.00–0.07, and the RMSE a tenth above."""
_MOST = 5.0
"""Bounds that one galaxy's error found may count as."""
_LARGEST_GRADIENT = 1.0


def train_bias(estimator: ScoringEstimator, fits: Fits, *, seed: int) -> None:
    """Train the estimator's `bias`."""
    rng = np.random.default_rng([seed, 2])
    parameters = list(estimator.bias.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    steps = _EPOCHS * -(-len(fits.off_brp) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps)
    for _ in range(_EPOCHS):
        order = torch.from_numpy(rng.permutation(len(fits.off_brp))).to(fits.off_brp.device)
        for rows in torch.split(order, _BATCH):
            left_brp = fits.off_brp[rows] - _taken_off(estimator, fits, rows)
            loss = bias_squared(left_brp).mean() + _ERROR_COUNTS * left_brp.square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, _LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()


def bias_squared(left_brp: Tensor) -> Tensor:
    """Estimates of each galaxy's squared bias, right on average, shape (b, p); realisations come in opposite pairs."""
    first_bp, second_bp = left_brp.reshape(len(left_brp), PAIRS, 2, -1).mean(dim=2).unbind(1)
    return first_bp * second_bp


def _taken_off(estimator: ScoringEstimator, fits: Fits, rows: Tensor) -> Tensor:
    """In bounds."""
    count = len(rows)
    bias_bp = estimator.bias_at(
        fits.maximum_brp[rows].flatten(0, 1),
        fits.covariance_brpp[rows].flatten(0, 1),
        fits.edge_br[rows].flatten(0, 1),
        fits.conditions_brc[rows].flatten(0, 1),
    )
    off_brp = bias_bp.reshape(count, 2 * PAIRS, -1) / fits.bound_bp[rows, None]
    return off_brp.clamp(-_MOST, _MOST)
