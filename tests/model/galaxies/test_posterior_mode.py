"""The posterior on the prior's scale: its mode, its curvature and its weights are those of the renderer's galaxies."""

import torch
from torch import Tensor

from models.galaxies.posterior import find_modes, weigh_places
from models.galaxies.prior import GalaxyPrior
from models.galaxies.scoring import score
from tests.model.galaxies.test_scoring import CAMERA, DOMAIN, draw_galaxies, log_likelihood

PRIOR = GalaxyPrior(flux=(3e4, 4e5), n=(0.5, 6.0), half_light_radius=(0.1, 0.6), shear=0.67, snr=(10.0, 100.0))


def log_posterior(image: Tensor, place: Tensor, sigma: Tensor, fwhm: Tensor) -> Tensor:
    """By the renderer in float64, up to a constant of each image."""
    return log_likelihood(image, PRIOR.physical(place), sigma, fwhm, True) - 0.5 * place.square().sum(dim=1)


def modes_of_some() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Images, σ, FWHM, modes and precisions."""
    truth, fwhm, sigma, _, image = draw_galaxies(12, seed=3)
    scored = score(image, truth, sigma, fwhm, CAMERA, shot_noise=True, domain=DOMAIN)
    modes = find_modes(image, scored.maximum_bp, sigma, fwhm, CAMERA, PRIOR, shot_noise=True)
    assert modes.converged_b.all()
    return image, sigma, fwhm, modes.place_bp, modes.precision_bpp


def test_nothing_near_a_mode_is_more_likely() -> None:
    image, sigma, fwhm, place, precision = modes_of_some()
    here = log_posterior(image, place, sigma, fwhm)
    for direction in torch.linalg.cholesky(torch.linalg.inv(precision)).unbind(2):
        for length in (-0.1, 0.1):
            assert (log_posterior(image, place + length * direction, sigma, fwhm) < here).all()


def test_precision_is_how_the_posterior_bends() -> None:
    """Second differences along the axes of its own error: 1 for each, but for what is of higher order."""
    image, sigma, fwhm, place, precision = modes_of_some()
    here, step = log_posterior(image, place, sigma, fwhm), 0.1
    for direction in torch.linalg.cholesky(torch.linalg.inv(precision)).unbind(2):
        ends = [log_posterior(image, place + sign * step * direction, sigma, fwhm) for sign in (-1, 1)]
        torch.testing.assert_close((2 * here - ends[0] - ends[1]) / step**2, torch.ones_like(here), rtol=0, atol=0.05)


def test_places_weigh_what_the_renderer_says() -> None:
    image, sigma, fwhm, place, precision = modes_of_some()
    generator = torch.Generator().manual_seed(0)
    spread = torch.linalg.cholesky(torch.linalg.inv(precision))
    places = place[:, None] + torch.randn(12, 6, 5, dtype=torch.float64, generator=generator) @ spread.mT
    found, snr = weigh_places(image, places, sigma, fwhm, CAMERA, PRIOR, shot_noise=True)
    wanted = torch.stack([log_posterior(image, one, sigma, fwhm) for one in places.unbind(1)], dim=1)
    torch.testing.assert_close(found - found[:, :1], wanted - wanted[:, :1], rtol=0, atol=0.02)
    assert (snr - 60).abs().max() < 8  # what the images were drawn at


def test_a_galaxy_that_no_prior_has_is_answered_at_its_end() -> None:
    truth, fwhm, sigma, _, image = draw_galaxies(2, seed=4)
    modes = find_modes(20 * image, 20 * truth, sigma, fwhm, CAMERA, PRIOR, shot_noise=True)
    assert modes.place_bp.isfinite().all()
    assert modes.precision_bpp.isfinite().all()
