"""What an image holds that no galaxy explains is found by its size; what moves an answer unseen is what a fit does."""

import galsim
import numpy as np
import pytest
import torch
from torch import Tensor

from models.galaxies import CHANGES, PLACES, Examined, examine, render
from models.galaxies.scoring import score
from tests.model.galaxies.test_scoring import CAMERA, DOMAIN, draw, draw_galaxies

WIDE = DOMAIN.__class__(flux=(1e3, 1e7), half_light_radius=(0.02, 0.9), shear=0.8)


def examined(image: Tensor, at: Tensor, sigma: Tensor, fwhm: Tensor) -> Examined:
    return examine(image, at, sigma, fwhm, CAMERA, domain=WIDE)


def fitted(image: Tensor, start: Tensor, sigma: Tensor, fwhm: Tensor) -> Tensor:
    scored = score(image, start, sigma, fwhm, CAMERA, domain=WIDE)
    assert scored.converged_b.all()
    return scored.maximum_bp


def test_scores_are_standard_normal_where_nothing_is_wrong() -> None:
    truth, fwhm, sigma, _, image = draw_galaxies(400, seed=1)
    found = examined(image, fitted(image, truth, sigma, fwhm), sigma, fwhm)
    for index, name in enumerate(CHANGES):
        scores = found.score_bc[:, index]
        assert float(scores.mean()) == pytest.approx(0, abs=0.2), name
        assert float(scores.std()) == pytest.approx(1, abs=0.15), name
    away = (found.chi2_br - found.freedom_br) / (2 * found.freedom_br).sqrt()
    assert away.mean(dim=0).abs().max() < 0.2
    torch.testing.assert_close(away.std(dim=0), torch.ones(3, dtype=torch.float64), rtol=0.15, atol=0)
    torch.testing.assert_close(found.freedom_br.sum(dim=1), torch.full((400,), 64**2 - 6.0).double(), rtol=0, atol=0.05)


def test_a_sky_a_shift_and_a_second_source_are_found_by_their_size() -> None:
    truth, fwhm, sigma, _, _ = draw_galaxies(8, seed=2)
    flux, n, radius, g1, g2 = truth.unbind(1)
    still = draw(truth, fwhm)
    at = examined(still + sigma[:, None, None], truth, sigma, fwhm)
    torch.testing.assert_close(at.size_bc[:, CHANGES.index("sky")].float(), sigma, rtol=1e-3, atol=0)
    moved = render(flux, n, radius, g1, g2, fwhm, dx=torch.full((8,), 0.1), dy=torch.full((8,), -0.05))
    at = examined(moved, truth, sigma, fwhm)
    torch.testing.assert_close(at.size_bc[:, CHANGES.index("dx")], torch.full((8,), 0.1).double(), rtol=0.1, atol=0)
    torch.testing.assert_close(at.size_bc[:, CHANGES.index("dy")], torch.full((8,), -0.05).double(), rtol=0.1, atol=0)
    for place, away in zip(PLACES, (9, 25), strict=True):
        beside = render(0.3 * flux, n, radius, g1, g2, fwhm, dx=torch.full((8,), float(away)), dy=torch.zeros(8))
        at = examined(still + beside, truth, sigma, fwhm)
        index = PLACES.index(place)
        assert (at.source_bs[:, index] > 8).all()
        assert ((at.source_x_bs[:, index] - away).abs() <= 1.5).all()
        assert (at.source_y_bs[:, index].abs() <= 1.5).all()


def test_noise_that_was_smoothed_is_correlated_and_a_flat_image_holds_none() -> None:
    truth, fwhm, sigma, _, image = draw_galaxies(40, seed=3)
    still = draw(truth, fwhm)
    noise = image - still
    smoothed = sum(torch.roll(noise, (i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 3
    found = examined(still + smoothed, fitted(still + smoothed, truth, sigma, fwhm), sigma, fwhm)
    assert float(found.correlation_b.mean()) == pytest.approx(2 / 3, abs=0.03)
    flat = examined(torch.full_like(image, 3.0), truth.new_tensor([[1e3, 1, 0.3, 0, 0]]).expand(40, -1), sigma, fwhm)
    assert (flat.chi2_br.sum(dim=1) < 100).all()
    assert flat.correlation_b.isfinite().all()


def sheared_psf(truth: Tensor, fwhm: Tensor, stretch: float, g1: float, g2: float) -> Tensor:
    """By GalSim: the PSF wider by a factor, and sheared."""
    stamps = []
    for (flux, n, radius, one, two), width in zip(truth.tolist(), fwhm.tolist(), strict=True):
        accuracy = galsim.GSParams(folding_threshold=1e-4, maxk_threshold=1e-4)
        galaxy = galsim.Sersic(n, half_light_radius=radius, flux=flux, gsparams=accuracy).shear(g1=one, g2=two)
        psf = galsim.Moffat(beta=2.0, fwhm=width * stretch, gsparams=accuracy).shear(g1=g1, g2=g2)
        image = galsim.Convolve(galaxy, psf, gsparams=accuracy).drawImage(nx=64, ny=64, scale=0.23, dtype=np.float64)
        stamps.append(image.array)
    return torch.from_numpy(np.array(stamps)).float()


@pytest.mark.parametrize("name", ["psf_fwhm", "psf_g1", "psf_g2", "sky"])
def test_values_move_as_the_fit_of_an_image_that_an_independent_renderer_drew(name: str) -> None:
    """To a twentieth of what they move by."""
    truth, fwhm, sigma, _, _ = draw_galaxies(4, seed=4)
    step = 0.01

    def wrong(step: float) -> Tensor:
        if name == "sky":
            return sheared_psf(truth, fwhm, 1.0, 0.0, 0.0) + step * sigma[:, None, None]
        if name == "psf_fwhm":
            return sheared_psf(truth, fwhm, 1 + step, 0.0, 0.0)
        return sheared_psf(truth, fwhm, 1.0, *((step, 0.0) if name == "psf_g1" else (0.0, step)))

    less, as_stated, more = (fitted(wrong(by), truth, sigma, fwhm) for by in (-step, 0.0, step))
    found = examined(wrong(0.0), as_stated, sigma, fwhm)
    bound = found.covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()
    moved = found.moved_bcp[:, CHANGES.index(name)] * (step * sigma[:, None] if name == "sky" else step) / bound
    truly = (more - less) / 2 / bound
    assert (truly.abs().amax(dim=1) > 0.1).any()
    assert ((moved - truly).abs() < 0.05 * truly.abs() + 0.01).all(), (moved, truly)


def test_what_is_found_is_the_same_to_the_last_bit_in_any_company() -> None:
    truth, fwhm, sigma, _, image = draw_galaxies(20, seed=6)
    whole = examined(image, truth, sigma, fwhm)
    for rows in (slice(3, 4), slice(5, 17)):
        part = examined(image[rows], truth[rows], sigma[rows], fwhm[rows])
        for field, values in vars(part).items():
            assert torch.equal(values, getattr(whole, field)[rows]), field
