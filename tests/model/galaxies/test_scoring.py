"""Scoring: it finds the maximum, says whether it has, reaches the bound, and is the same in any company."""

import math
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from components.simulators.sersic.bounds import covariance_bound, cramer_rao_bound, galaxy_fisher
from models.galaxies.parameters import Camera, Domain
from models.galaxies.rendering import render
from models.galaxies.scoring import Scored, score

CAMERA = Camera()
DOMAIN = Domain(flux=(3e4, 4e5), n=(0.5, 6.0), half_light_radius=(0.1, 0.6), shear=0.67)
"""The prior's."""


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


def assert_sound(scored: Scored, domain: Domain = DOMAIN) -> None:
    """Finite and within the domain."""
    for values in (scored.maximum_bp, scored.covariance_bpp, scored.chi2_b, scored.deviance_b):
        assert bool(values.isfinite().all())
    assert bool((scored.covariance_bpp.diagonal(dim1=1, dim2=2) > 0).all())
    assert_within(scored.maximum_bp, domain)


def assert_within(parameters: Tensor, domain: Domain = DOMAIN) -> None:
    torch.testing.assert_close(domain.clamp(parameters), parameters, rtol=1e-6, atol=0)


def log_likelihood(image: Tensor, parameters: Tensor, sigma: Tensor, fwhm: Tensor, shot_noise: bool) -> Tensor:
    """Up to a constant of each image, float64, by the renderer that everything else draws with."""
    flux, n, radius, g1, g2 = parameters.double().unbind(1)
    size = image.shape[1]
    model = render(flux, n, radius, g1, g2, fwhm.double(), size=size)
    variance = sigma.double()[:, None, None] ** 2 + model.clamp_min(0) * shot_noise
    return -0.5 * ((image.double() - model).square() / variance + variance.log()).sum(dim=(1, 2))


def test_from_a_start_one_bound_away_the_maximum_is_at_the_bound() -> None:
    """benchmarks/scoring.py measures other seeds, and a wider domain, too."""
    truth, fwhm, sigma, crb, image = draw_galaxies(1000, seed=1)
    sign = torch.randn(truth.shape, generator=torch.Generator().manual_seed(2)).sign()
    scored = score(image, truth + sign * crb, sigma, fwhm, CAMERA, domain=DOMAIN)
    assert_sound(scored)
    assert bool(scored.converged_b.all())
    miss = (scored.maximum_bp - truth) / crb
    assert bool(((miss.std(dim=0) > 0.9) & (miss.std(dim=0) < 1.1)).all()), miss.std(dim=0)
    assert bool((miss.mean(dim=0).abs() < 0.2).all()), miss.mean(dim=0)
    assert float(scored.chi2_b.mean()) == pytest.approx(64**2 - 5, rel=0.01)
    reported = scored.covariance_bpp.diagonal(dim1=1, dim2=2).sqrt() / crb
    torch.testing.assert_close(reported.median(dim=0).values, torch.ones(5, dtype=torch.float64), rtol=0.1, atol=0)


@pytest.mark.parametrize("shot_noise", [False, True])
@pytest.mark.parametrize("size", [64, 33, 16])
def test_the_maximum_is_one_of_the_renderers_likelihood(size: int, shot_noise: bool) -> None:
    """No step of a twentieth of an error in any direction makes it better, unless the domain ends there."""
    truth, fwhm, sigma, _, _ = draw_galaxies(24, seed=3)
    flux, n, radius, g1, g2 = truth.unbind(1)
    clean = render(flux, n, radius, g1, g2, fwhm, size=size)
    sigma = sigma / 2
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(4))
    image = clean + noise * (sigma[:, None, None] ** 2 + clean.clamp_min(0) * shot_noise).sqrt()
    scored = score(image, truth, sigma, fwhm, Camera(size=size), shot_noise=shot_noise, domain=DOMAIN)
    assert bool(scored.converged_b.all())
    here = log_likelihood(image, scored.maximum_bp, sigma, fwhm, shot_noise)
    for direction in torch.linalg.cholesky(scored.covariance_bpp).unbind(2):
        for length in (-0.05, 0.05):
            there = DOMAIN.clamp(scored.maximum_bp + length * direction)
            assert bool((log_likelihood(image, there, sigma, fwhm, shot_noise) <= here + 1e-5).all())


def test_covariance_is_that_of_its_formula() -> None:
    """C = F⁻¹, by the renderer in float64."""
    truth, fwhm, sigma, _, image = (value.double() for value in draw_galaxies(16, seed=5))
    wide = Domain(n=(0.5, 6.0), half_light_radius=(0.05, 1.0), shear=0.67)
    scored = score(image, truth, sigma, fwhm, CAMERA, shot_noise=True, domain=wide)
    covariance = covariance_bound(galaxy_fisher(scored.maximum_bp, fwhm, sigma, CAMERA, shot_noise=True))
    scale = covariance.diagonal(dim1=1, dim2=2).sqrt()
    torch.testing.assert_close(
        scored.covariance_bpp / (scale[:, :, None] * scale[:, None]),
        covariance / (scale[:, :, None] * scale[:, None]),
        rtol=0, atol=2e-3,
    )  # fmt: skip


def test_chi2_and_norm_are_those_of_the_galaxy_found() -> None:
    truth, fwhm, sigma, _, image = draw_galaxies(8, seed=6)
    scored = score(image, truth, sigma, fwhm, CAMERA, shot_noise=True, domain=DOMAIN)
    model = draw(scored.maximum_bp, fwhm.double())
    variance = sigma.double()[:, None, None] ** 2 + model.clamp_min(0)
    torch.testing.assert_close(scored.chi2_b, ((image - model).square() / variance).sum(dim=(1, 2)), rtol=1e-5, atol=0)
    torch.testing.assert_close(scored.norm_b, model.square().sum(dim=(1, 2)).sqrt(), rtol=1e-5, atol=0)


def test_noise_free_image_gives_back_its_galaxy() -> None:
    truth, fwhm, sigma, crb, _ = draw_galaxies(16, seed=3)
    scored = score(draw(truth, fwhm), truth + crb / 2, sigma, fwhm, CAMERA, domain=DOMAIN)
    assert bool(scored.converged_b.all())
    assert float(((scored.maximum_bp - truth) / crb).abs().max()) < 1e-3


def test_every_start_leads_to_the_same_maximum() -> None:
    """Images of the prior's faintest galaxies, which may have two; one in a thousand is not told apart."""
    truth, fwhm, sigma, crb, _ = draw_galaxies(300, seed=8)
    clean = draw(truth, fwhm)
    faint = 3 * sigma  # SNR 20
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(9))
    image = clean + noise * faint[:, None, None]
    ends = []
    for distance in (0.0, 3.0, -15.0):
        sign = torch.randn(truth.shape, generator=torch.Generator().manual_seed(int(distance) % 7)).sign()
        ends.append(score(image, truth + distance * sign * crb, faint, fwhm, CAMERA, domain=DOMAIN))
    ends.append(score(image, truth.mean(dim=0).expand_as(truth), faint, fwhm, CAMERA, domain=DOMAIN))
    assert min(float(end.converged_b.double().mean()) for end in ends) > 0.995
    for end in ends[1:]:
        both = end.converged_b & ends[0].converged_b
        apart = ((end.maximum_bp - ends[0].maximum_bp) / (3 * crb)).abs().amax(dim=1)[both]
        assert float((apart > 1e-3).double().mean()) < 0.01
        assert float(apart.median()) < 1e-5


@settings(max_examples=15)
@given(st.integers(0, 1000), st.floats(0.1, 30), st.booleans())
def test_steps_never_leave_the_domain_nor_lower_the_likelihood(seed: int, distance: float, shot_noise: bool) -> None:
    _, fwhm, sigma, crb, image = draw_galaxies(4, seed)
    truth = draw_galaxies(4, seed + 1)[0]
    start = truth + distance * crb * torch.randn(truth.shape, generator=torch.Generator().manual_seed(seed))
    before = score(image, start, sigma, fwhm, CAMERA, steps=0, shot_noise=shot_noise, domain=DOMAIN).deviance_b
    for steps in (1, 2, 3, 50):
        scored = score(image, start, sigma, fwhm, CAMERA, steps=steps, shot_noise=shot_noise, domain=DOMAIN)
        assert_sound(scored)
        assert bool((scored.deviance_b <= before + 0.01 * steps).all())  # short steps may be for the worse by rounding


def test_a_search_that_ends_too_early_says_so() -> None:
    truth, fwhm, sigma, crb, image = draw_galaxies(8, seed=10)
    far = truth + 5 * crb
    assert not bool(score(image, far, sigma, fwhm, CAMERA, steps=1, domain=DOMAIN).converged_b.any())
    assert bool(score(image, far, sigma, fwhm, CAMERA, domain=DOMAIN).converged_b.all())


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
    for domain in (DOMAIN, Domain()):
        first = score(images, start, sigma, fwhm, CAMERA, steps=0, shot_noise=shot_noise, domain=domain)
        scored = score(images, start, sigma, fwhm, CAMERA, shot_noise=shot_noise, domain=domain)
        assert_sound(scored, domain)
        assert bool((scored.deviance_b <= first.deviance_b * (1 + 1e-6)).all())


def test_start_outside_is_brought_into_the_domain() -> None:
    _, fwhm, sigma, _, image = draw_galaxies(2, seed=5)
    start = torch.tensor([[-1e5, 9.0, -1.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    assert_sound(score(image, start, sigma, fwhm, CAMERA, steps=3, domain=DOMAIN))


def test_an_answer_is_the_same_to_the_last_bit_in_any_company_and_on_any_number_of_threads() -> None:
    truth, fwhm, sigma, crb, image = draw_galaxies(40, seed=6)
    image[0] = 0  # a hopeless neighbour
    begin, threads = truth + crb, torch.get_num_threads()

    def scored(rows: slice) -> Scored:
        return score(image[rows], begin[rows], sigma[rows], fwhm[rows], CAMERA, shot_noise=True, domain=DOMAIN)

    try:
        torch.set_num_threads(2)
        together = scored(slice(None))
        for count in (1, 3):
            torch.set_num_threads(count)
            for rows in (slice(3, 4), slice(8, 24), slice(None)):
                found = scored(rows)
                for name in ("maximum_bp", "covariance_bpp", "chi2_b", "norm_b", "converged_b"):
                    assert torch.equal(getattr(found, name), getattr(together, name)[rows]), name
    finally:
        torch.set_num_threads(threads)


def test_domains_and_steps_that_make_no_sense_are_refused() -> None:
    for wrong, said in (
        ({"flux": (0.0, 1e5)}, "flux from 0 to 100000: must be above 0"),
        ({"half_light_radius": (0.5, 0.1)}, "half_light_radius from 0.5 to 0.1: must be above 0, the low end first"),
        ({"n": (0.5, 8.0)}, "n from 0.5 to 8: must lie within 0.3 to 6.2"),
        ({"shear": 1.0}, "shear = 1: must be at least 0 and below 1"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            Domain(**wrong)
    _, fwhm, sigma, _, image = draw_galaxies(1, seed=5)
    with pytest.raises(ValueError, match="steps = -1: must be at least 0"):
        score(image, torch.ones(1, 5), sigma, fwhm, CAMERA, steps=-1, domain=DOMAIN)


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
        score(image, start, sigma, fwhm, CAMERA, domain=DOMAIN)
