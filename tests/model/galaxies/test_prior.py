"""The prior's scale: what it maps is a standard normal distribution there, and back again, lengths counted."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.galaxies.prior import GalaxyPrior

PRIOR = GalaxyPrior(flux=(0.3, 4.0), n=(0.5, 6.0), half_light_radius=(0.1, 0.6), shear=0.67, snr=(10.0, 100.0))


def draw(count: int) -> Tensor:
    """From the prior, by uniform numbers of its own."""
    drawn = torch.rand(count, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    low, high = torch.tensor([PRIOR.flux, PRIOR.n, PRIOR.half_light_radius], dtype=torch.float64).T
    length, angle = PRIOR.shear * drawn[:, 3:4], 2 * math.pi * drawn[:, 4:]
    return torch.cat([low + (high - low) * drawn[:, :3], length * angle.cos(), length * angle.sin()], dim=1)


@given(place=st.lists(st.floats(-3.5, 3.5), min_size=5, max_size=5))
def test_a_place_is_that_of_its_galaxy(place: list[float]) -> None:
    place_bp = torch.tensor([place], dtype=torch.float64)
    torch.testing.assert_close(PRIOR.standardise(PRIOR.physical(place_bp)), place_bp, rtol=1e-6, atol=1e-5)


def test_galaxies_of_the_prior_are_standard_normal_on_its_scale() -> None:
    place_bp = PRIOR.standardise(draw(40_000))
    torch.testing.assert_close(place_bp.mean(dim=0), torch.zeros(5, dtype=torch.float64), rtol=0, atol=0.02)
    torch.testing.assert_close(torch.cov(place_bp.T), torch.eye(5, dtype=torch.float64), rtol=0, atol=0.02)
    shares = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)
    for column in place_bp.unbind(1):
        torch.testing.assert_close(column.quantile(shares), torch.special.ndtri(shares), rtol=0, atol=0.03)


def test_lengths_are_those_of_the_derivatives() -> None:
    place_bp = torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for place_p, stretch in zip(place_bp, PRIOR.log_stretch(place_bp), strict=True):
        slopes_pp = torch.autograd.functional.jacobian(PRIOR.physical, place_p)  # type: ignore[no-untyped-call]
        assert float(stretch) == pytest.approx(-float(slopes_pp.det().abs().log()), abs=1e-8)


def test_galaxies_beyond_the_prior_lie_at_its_end() -> None:
    beyond = torch.tensor([[9.0, 9.0, 9.0, 0.9, 0.9], [0.0, 0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    place_bp = PRIOR.standardise(beyond)
    assert place_bp.isfinite().all()
    assert float(place_bp[0, :3].min()) == pytest.approx(4.75, abs=0.01)
    torch.testing.assert_close(PRIOR.domain.clamp(beyond), PRIOR.physical(place_bp), rtol=1e-4, atol=1e-4)
