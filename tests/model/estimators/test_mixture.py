"""Mixtures and weighted draws: densities that integrate to one, and draws that come out as what they were drawn for."""

import torch

from models.estimators.numbers.mixture import Mixture, mixture_length, read_mixture
from models.estimators.numbers.proposal import Proposal, features, frame_of, mirrored
from models.estimators.numbers.weighted_draws import WeightedDraws


def some(parameters: int, components: int = 3, seed: int = 0) -> Mixture:
    vector = torch.randn(2, mixture_length(parameters, components), generator=torch.Generator().manual_seed(seed))
    return read_mixture(0.7 * vector, parameters, components)


def test_a_mixture_integrates_to_one() -> None:
    grid = torch.linspace(-12, 12, 481)
    place = torch.cartesian_prod(grid, grid).expand(2, -1, -1)
    total = some(2).log_density(place).exp().sum(dim=1) * (grid[1] - grid[0]) ** 2
    torch.testing.assert_close(total, torch.ones(2), rtol=0, atol=1e-3)


def test_draws_are_of_the_mixture() -> None:
    """Their mean and covariance are those of its components."""
    mixture = some(3)
    drawn = mixture.draws(4096)
    weight = mixture.log_weight_bk.exp()
    mean = (weight[:, :, None] * mixture.mean_bkp).sum(dim=1)
    inverse = torch.linalg.inv(mixture.factor_bkpp)
    away = mixture.mean_bkp - mean[:, None]
    covariance = (weight[:, :, None, None] * (inverse @ inverse.mT + away[..., None] * away[..., None, :])).sum(dim=1)
    sd = covariance.diagonal(dim1=1, dim2=2).sqrt()
    assert ((drawn.mean(dim=1) - mean) / sd).abs().max() < 0.05
    found = torch.stack([torch.cov(of.T) for of in drawn])
    assert ((found - covariance) / (sd[:, :, None] * sd[:, None])).abs().max() < 0.1


def test_weights_make_up_for_what_was_drawn_from() -> None:
    """Draws from a wide Gaussian that are weighted as those of a narrow, shifted one."""
    drawn = torch.randn(1, 20_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target, own = torch.distributions.Normal(0.3, 0.6), torch.distributions.Normal(0.0, 1.0)
    log_weight = 2.5 + (target.log_prob(drawn) - own.log_prob(drawn)).sum(dim=2)  # type: ignore[no-untyped-call]
    draws = WeightedDraws(value_bsp=drawn, log_weight_bs=log_weight)
    assert abs(float(draws.log_evidence_b) - 2.5) < 0.02
    assert (draws.mean_bp - 0.3).abs().max() < 0.02
    assert (draws.covariance_bpp - 0.36 * torch.eye(2)).abs().max() < 0.02
    levels = torch.tensor([[0.025, 0.16, 0.5, 0.84, 0.975]]).expand(2, -1)
    wanted = 0.3 + 0.6 * torch.special.ndtri(levels[0].double())
    assert (draws.quantiles(levels)[0] - wanted).abs().max() < 0.03
    for level, value in zip(levels[0], wanted, strict=True):
        scores = draws.normal_scores(value.expand(1, 2))
        assert (torch.special.ndtr(scores) - level).abs().max() < 0.01
    resampled = draws.samples(500)
    assert (resampled.mean(dim=1) - 0.3).abs().max() < 0.05


def test_one_draw_never_has_all_the_weight() -> None:
    """What few draws say is less than what they were drawn from."""
    drawn = torch.randn(2, 64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    log_weight = torch.zeros(2, 64, dtype=torch.float64)
    log_weight[0, 3] = 1e5
    draws = WeightedDraws(value_bsp=drawn, log_weight_bs=log_weight)
    assert draws.effective_b.tolist() == [1.0, 64.0]
    assert (draws.covariance_bpp.diagonal(dim1=1, dim2=2) > 0.3).all()


def test_a_mirrored_galaxy_has_the_mirrored_proposal() -> None:
    generator = torch.Generator().manual_seed(0)
    place = torch.randn(4, 5, dtype=torch.float64, generator=generator)
    root = torch.randn(4, 5, 5, dtype=torch.float64, generator=generator)
    precision = root @ root.mT + 2 * torch.eye(5)
    flip = torch.diag(torch.tensor([1.0, 1, 1, 1, -1], dtype=torch.float64))
    frame, other = frame_of(place, precision), frame_of(place @ flip, flip @ precision @ flip)
    snr, conditions = torch.full((4,), 40.0), torch.zeros(4, 2)
    truth = torch.randn(4, 1, 5, dtype=torch.float64, generator=generator)
    wanted = features(other, snr, conditions), other.inward(truth @ flip)
    found = mirrored(features(frame, snr, conditions), frame.inward(truth), -torch.ones(4))
    torch.testing.assert_close(found[0], wanted[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(found[1], wanted[1], rtol=0, atol=1e-4)


def test_a_frame_gives_back_its_places_and_counts_its_volume() -> None:
    generator = torch.Generator().manual_seed(0)
    place = torch.randn(3, 5, dtype=torch.float64, generator=generator)
    root = torch.randn(3, 5, 5, dtype=torch.float64, generator=generator)
    precision = root @ root.mT + 2 * torch.eye(5)
    frame = frame_of(place, precision)
    there = torch.randn(3, 7, 5, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(frame.outward(frame.inward(there)), there, rtol=0, atol=1e-4)
    torch.testing.assert_close(frame.inward(place[:, None])[:, 0], torch.zeros(3, 5), rtol=0, atol=1e-5)
    torch.testing.assert_close(frame.log_volume_b, -0.5 * torch.linalg.slogdet(precision)[1], rtol=0, atol=1e-6)
    mixture = Proposal(5, 2)(features(frame, torch.full((3,), 40.0), torch.zeros(3, 2)))
    assert mixture.draws(64).isfinite().all()
