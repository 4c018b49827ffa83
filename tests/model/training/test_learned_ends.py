"""What is learned behind a search: a bias that is there goes away, and a proposal comes to hold the truth."""

import torch
from torch import Tensor

from components.training.numbers.bias_training import bias_squared, train_bias
from components.training.numbers.fits import PAIRS, Fits
from components.training.numbers.proposal_training import train_proposal
from models.estimators.numbers import ScoringEstimator
from models.estimators.numbers.proposal import Features
from tests.model.estimators.test_scoring_estimator import estimator


def some_fits(count: int, seed: int) -> Fits:
    """Maxima with a tenth of a bound of noise that lie 0.6 bounds high in n, and 0.4 outwards in shear."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(count, 5, generator=generator)
    truth = torch.tensor([0.5, 1.5, 0.2, -0.3, -0.3]) + drawn * torch.tensor([3.0, 3.0, 0.3, 0.6, 0.6])
    middle = torch.tensor([1.0, -0.5, 0.0, 0.5, 0.0])
    bound = torch.tensor([0.05, 0.4, 0.02, 0.03, 0.03])
    outwards = truth[:, 3:] / truth[:, 3:].norm(dim=1, keepdim=True)
    off = torch.cat([torch.tensor([[0.0, 0.6, 0.0]]).expand(count, -1), 0.4 * outwards], dim=1)
    noise = 0.1 * torch.randn(count, PAIRS, 1, 5, generator=generator)
    off = (off[:, None, None] + torch.cat([noise, -noise], dim=2)).flatten(1, 2)
    return Fits(
        even_brf=torch.randn(count, 2 * PAIRS, 19, generator=generator),
        odd_brf=torch.randn(count, 2 * PAIRS, 5, generator=generator),
        inward_brp=middle + 0.3 * torch.randn(count, 2 * PAIRS, 5, generator=generator),
        off_brp=off,
        bound_bp=bound.expand(count, -1),
        maximum_brp=truth[:, None] + off * bound,
        covariance_brpp=torch.diag(bound**2).expand(count, 2 * PAIRS, -1, -1),
        edge_br=torch.zeros(count, 2 * PAIRS, dtype=torch.bool),
        conditions_brc=torch.tensor([300.0, 0.7]).expand(count, 2 * PAIRS, -1),
        rarest_br=torch.rand(count, 2 * PAIRS, generator=generator),
    )


def left(model: ScoringEstimator, fits: Fits) -> Tensor:
    """Mean of what is left of each parameter's bias, in bounds; of the shear its part outwards."""
    flat = (part.flatten(0, 1) for part in (fits.maximum_brp, fits.covariance_brpp, fits.edge_br, fits.conditions_brc))
    with torch.no_grad():
        taken = model.bias_at(*flat).reshape(fits.off_brp.shape) / fits.bound_bp[:, None]
    rest = fits.off_brp - taken
    outwards = fits.maximum_brp[..., 3:] / fits.maximum_brp[..., 3:].norm(dim=-1, keepdim=True)
    return torch.cat([rest[..., :3], (rest[..., 3:] * outwards).sum(dim=-1, keepdim=True)], dim=-1).mean(dim=(0, 1))


def test_a_bias_is_found_and_taken_off_other_galaxies() -> None:
    model = estimator()
    unseen = some_fits(512, seed=1)
    torch.testing.assert_close(left(model, unseen), torch.tensor([0.0, 0.6, 0.0, 0.4]), rtol=0, atol=0.02)
    train_bias(model, some_fits(4096, seed=0), seed=0)
    assert left(model, unseen).abs().max() < 0.1


def test_squares_of_a_bias_are_right_on_average_whatever_the_noise() -> None:
    """The plain square of a mean is too large by the noise's part; here that is a hundred times the bias squared."""
    noise = 3.0 * torch.randn(200_000, 2 * PAIRS, 1, generator=torch.Generator().manual_seed(0))
    assert abs(float(bias_squared(0.3 + noise).mean()) - 0.09) < 0.05


def test_a_proposal_comes_to_hold_the_truth() -> None:
    model, unseen = estimator(), some_fits(256, seed=1)

    def loss() -> float:
        given = Features(unseen.even_brf.flatten(0, 1), unseen.odd_brf.flatten(0, 1))
        with torch.no_grad():
            mixture = model.proposal(given)
        return -float(mixture.log_density(unseen.inward_brp.flatten(0, 1)[:, None]).mean())

    before = loss()
    train_proposal(model, some_fits(2048, seed=0), seed=0)
    entropy = 5 * (0.5 + 0.5 * torch.log(torch.tensor(2 * torch.pi)) + torch.log(torch.tensor(0.3)))
    assert loss() < float(entropy) + 0.3 < before
