"""What a search finds of galaxies that nobody has seen, for what follows it to learn from.

    fits = fit_fresh(problem, estimator, settings)

Shape suffixes: b galaxies, r realisations of the noise, p parameters, f features.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor
from tqdm.auto import tqdm

from components.core import ProblemSettings
from components.fields import Batch, PairedObjects, Problem, fresh_seed, noise_pairs
from components.training.numbers.settings import ScoringTrainSettings
from models.estimators.numbers import ScoringEstimator

__label__ = "fits"

PAIRS = 2
"""Of opposite noise: two means of pairs are independent, and their product is a bias squared."""


class Fits(NamedTuple):
    """One row a galaxy."""

    even_brf: Tensor
    """Features of the proposal."""
    odd_brf: Tensor
    inward_brp: Tensor
    """The truth, in the frame of the posterior's mode."""
    off_brp: Tensor
    """The maximum less the truth, in bounds of the galaxy's own image."""
    bound_bp: Tensor
    maximum_brp: Tensor
    covariance_brpp: Tensor
    edge_br: Tensor
    conditions_brc: Tensor
    """As the camera states them."""
    rarest_br: Tensor
    """How rare the rarest of its departures is."""


def fit_fresh(problem: Problem, estimator: ScoringEstimator, settings: ProblemSettings) -> Fits:
    """Draw `train.correction_images` galaxies, and fit each under `PAIRS` pairs of opposite noise."""
    train = cast(ScoringTrainSettings, settings.train)
    device = next(estimator.parameters()).device
    seed, count = fresh_seed(train.seed, "correction"), train.correction_images
    # Not those that the network learned from: it is surer of them than it may be.
    drawn = noise_pairs(problem, settings, seed=seed, count=count, pairs=PAIRS, device=device)
    with torch.inference_mode():
        parts = list(_fitted(estimator, drawn, count))
    # Tensors made under inference_mode cannot be trained on; concatenating outside of it makes ordinary ones.
    return Fits(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _fitted(estimator: ScoringEstimator, drawn: Iterator[PairedObjects], count: int) -> Iterator[Fits]:
    with tqdm(total=count, desc="scoring", unit="galaxy", disable=None) as bar:
        for objects in drawn:
            columns = [f"crb_{name}" for name in estimator.output_names]
            bound_bp = torch.tensor(objects.catalogue[columns].to_numpy("float32"))
            seen = [_fit(estimator, batch, bound_bp) for batch in objects.batches]
            together = (torch.stack(tensors, dim=1) for tensors in zip(*seen, strict=True))
            even, odd, inward, off, *others = together
            yield Fits(even, odd, inward, off, bound_bp.to(off.device), *others)
            bar.update(len(bound_bp))


def _fit(estimator: ScoringEstimator, batch: Batch, bound_bp: Tensor) -> tuple[Tensor, ...]:
    image_bhw, conditions_bc = batch.inputs["image"], estimator.conditions(batch.inputs)
    known = estimator.known(image_bhw, conditions_bc)
    scored, truth_bp = known.scored, estimator.truths(batch.targets)
    place_bp = estimator.prior.standardise(truth_bp.double())
    inward_bp = known.frame.inward(place_bp[:, None])[:, 0]
    off_bp = (scored.maximum_bp - truth_bp) / bound_bp.to(truth_bp.device)
    held = estimator.held(scored.maximum_bp, image_bhw, conditions_bc)
    assert held is not None
    found = (scored.maximum_bp, scored.covariance_bpp, scored.edge_b, conditions_bc)
    return (*known.given, inward_bp, off_bp, *found, held.departures.rarest_b)
