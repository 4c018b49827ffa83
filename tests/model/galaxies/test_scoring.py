"""Fisher scoring: it reaches the bound, never makes a fit worse, and survives any image."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from components.simulators.sersic.bounds import cramer_rao_bound, galaxy_fisher
from models.galaxies.parameters import Camera, Domain
from models.galaxies.rendering import render
from models.galaxies.scoring import Scored, score

CAMERA = Camera()
DOMAIN = Domain()


def draw_galaxies(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Parameters, FWHM, σ for an SNR of 60, bounds and noisy images."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    shear, angle = uniform(0, 0.67), uniform(0, math.pi)
    truth = torch.stack(
        [
            1e5 * uniform(0.3, 4),
            uniform(1, 4),
            uniform(0.2, 0.5),
            shear * torch.cos(2 * angle),
            shear * torch.sin(2 * angle),
        ],
        dim=1,
    )
    fwhm = uniform(0.5, 1)
    image = draw(truth, fwhm)
    sigma = image.square().sum(dim=(1, 2)).sqrt() / 60
    crb = cramer_rao_bound(galaxy_fisher(truth, fwhm, sigma, CAMERA, shot_noise=False)).float()
    noisy = image + sigma[:, None, None] * torch.randn(image.shape, generator=generator)
    return truth, fwhm, sigma, crb, noisy


def draw(parameters: Tensor, fwhm: Tensor) -> Tensor:
    flux, n, radius, g1, g2 = parameters.unbind(1)
    return render(flux, n, radius, g1, g2, fwhm)


def assert_sound(scored: Scored, image: Tensor, sigma: Tensor, fwhm: Tensor) -> None:
    """Finite, within the domain, and with the χ² of its own model."""
    assert bool(scored.estimate_bp.isfinite().all())
    assert bool(scored.covariance_bpp.isfinite().all())
    assert bool((scored.covariance_bpp.diagonal(dim1=1, dim2=2) > 0).all())
    assert_within(scored.estimate_bp)
    miss = (image - draw(scored.estimate_bp, fwhm)) / sigma[:, None, None]
    torch.testing.assert_close(scored.chi2_b, miss.square().sum(dim=(1, 2), dtype=torch.float64), rtol=1e-4, atol=1e-2)


def assert_within(parameters: Tensor) -> None:
    torch.testing.assert_close(DOMAIN.clamp(parameters), parameters, rtol=1e-6, atol=0)


def test_three_steps_reach_the_bound_from_a_start_one_bound_away() -> None:
    """In the domain of the prior; benchmarks/scoring.py measures other seeds, and a wider domain, too."""
    prior = Domain(flux=(3e4, 4e5), n=(0.5, 6.0), half_light_radius=(0.1, 0.6), shear=0.67)
    truth, fwhm, sigma, crb, image = draw_galaxies(1000, seed=1)
    sign = torch.randn(truth.shape, generator=torch.Generator().manual_seed(2)).sign()
    start = truth + sign * crb
    scored = score(image, start, sigma, fwhm, CAMERA, steps=3, domain=prior)
    assert_sound(scored, image, sigma, fwhm)
    miss = (scored.estimate_bp - truth) / crb
    assert bool(((miss.std(dim=0) > 0.9) & (miss.std(dim=0) < 1.1)).all()), miss.std(dim=0)
    assert bool((miss.mean(dim=0).abs() < 0.2).all()), miss.mean(dim=0)
    assert float(scored.chi2_b.mean()) == pytest.approx(64**2 - 5, rel=0.01)
    reported = scored.covariance_bpp.diagonal(dim1=1, dim2=2).sqrt() / crb
    torch.testing.assert_close(reported.median(dim=0).values, torch.ones(5, dtype=torch.float64), rtol=0.1, atol=0)


def test_noise_free_image_gives_back_its_galaxy() -> None:
    truth, fwhm, sigma, crb, _ = draw_galaxies(16, seed=3)
    scored = score(draw(truth, fwhm), truth + crb / 2, sigma, fwhm, CAMERA, steps=8)
    assert float(((scored.estimate_bp - truth) / crb).abs().max()) < 0.01
    assert float(scored.chi2_b.max()) < 1e-3


@settings(max_examples=15)
@given(st.integers(0, 1000), st.floats(0.1, 30), st.booleans())
def test_steps_never_leave_the_domain_nor_raise_the_chi2(seed: int, distance: float, shot_noise: bool) -> None:
    _, fwhm, sigma, crb, image = draw_galaxies(4, seed)
    truth = draw_galaxies(4, seed + 1)[0]
    start = truth + distance * crb * torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
    before = None
    for steps in range(4):
        scored = score(image, start, sigma, fwhm, CAMERA, steps=steps, shot_noise=shot_noise)
        assert_within(scored.estimate_bp)
        if not shot_noise:  # with it, the likelihood is what never falls
            assert before is None or bool((scored.chi2_b <= before * (1 + 1e-6)).all())
        before = scored.chi2_b


@pytest.mark.parametrize("shot_noise", [False, True])
@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(64, 64),
        torch.full((64, 64), 5e3),
        torch.full((64, 64), -1e4),
        200 * torch.randn(64, 64, generator=torch.Generator().manual_seed(0)),
        torch.eye(64) * 1e6,
        torch.full((64, 64), 1e9),
    ],
    ids=["zero", "constant", "negative", "noise", "stripe", "blinding"],
)
def test_hopeless_images_are_survived(image: Tensor, shot_noise: bool) -> None:
    start = torch.tensor([[1e5, 3, 0.3, 0.1, 0.1], [1.0, 0.3, 0.02, 0.8, 0.0], [1e9, 6.2, 5.0, 0.0, -0.85]])
    images, sigma, fwhm = image.expand(3, -1, -1), torch.full((3,), 200.0), torch.full((3,), 0.7)
    first = score(images, start, sigma, fwhm, CAMERA, steps=0, shot_noise=shot_noise)
    scored = score(images, start, sigma, fwhm, CAMERA, steps=6, shot_noise=shot_noise)
    if not shot_noise:
        assert_sound(scored, images, sigma, fwhm)
        assert bool((scored.chi2_b <= first.chi2_b).all())
    assert bool(scored.estimate_bp.isfinite().all())
    assert bool(scored.covariance_bpp.isfinite().all())
    assert bool(scored.chi2_b.isfinite().all())


def test_start_outside_is_brought_into_the_domain() -> None:
    _, fwhm, sigma, _, image = draw_galaxies(2, seed=5)
    start = torch.tensor([[-1e5, 9.0, -1.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    scored = score(image, start, sigma, fwhm, CAMERA, steps=3)
    assert_sound(scored, image, sigma, fwhm)


def test_image_does_not_depend_on_its_batch() -> None:
    truth, fwhm, sigma, crb, image = draw_galaxies(5, seed=6)
    image[0] = 0  # a hopeless neighbour
    together = score(image, truth + crb, sigma, fwhm, CAMERA)
    alone = score(image[3:4], (truth + crb)[3:4], sigma[3:4], fwhm[3:4], CAMERA)
    assert float(((together.estimate_bp[3] - alone.estimate_bp[0]) / crb[3]).abs().max()) < 1e-2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("image", torch.full((2, 64, 64), math.nan), "image[0] holds NaN or infinity"),
        ("image", torch.zeros(2, 32, 32), "image has shape (2, 32, 32): must be (2, 64, 64)"),
        ("start", torch.full((2, 5), math.nan), "start[0] holds NaN or infinity"),
        ("start", torch.zeros(2, 4), "start has shape (2, 4): must be (2, 5)"),
        ("sigma", torch.tensor([1.0, 0.0]), "sigma[1] = 0: must be above 0 counts"),
        ("fwhm", torch.tensor([0.5, 0.0]), "fwhm[1] = 0: must be at least 0.115 arcsec"),
        ("fwhm", torch.ones(3), "fwhm has shape (3,): must be (2,)"),
    ],
)
def test_bad_input_is_refused_by_name(name: str, value: Tensor, said: str) -> None:
    right = {
        "image": torch.zeros(2, 64, 64),
        "start": torch.tensor([[1e5, 3, 0.3, 0, 0]]).expand(2, 5),
        "sigma": torch.full((2,), 200.0),
        "fwhm": torch.full((2,), 0.7),
    }
    image, start, sigma, fwhm = {**right, name: value}.values()
    with pytest.raises(ValueError, match=re.escape(said)):
        score(image, start, sigma, fwhm, CAMERA)
