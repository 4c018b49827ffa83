"""Images on other pixels: no light is lost, places and shapes stay, and the noise is what it is said to be."""

import galsim
import numpy as np
import pytest

from components.core.errors import AssayError
from components.fields.resampling import resampled


@pytest.mark.parametrize("scale", [0.05, 0.1, 0.3])
def test_light_place_and_shape_stay(scale: float) -> None:
    galaxy = galsim.Gaussian(sigma=0.8, flux=1000.0).shear(g1=0.2, g2=-0.1).shift(0.4, -0.2)
    fine = galaxy.drawImage(nx=400, ny=400, scale=scale).array.astype(float)
    image, _ = resampled(fine, scale, 0.2, (64, 64))
    assert image.shape == (64, 64)
    assert image.sum() == pytest.approx(1000, rel=1e-3)
    found = galsim.Image(image, scale=0.2).FindAdaptiveMom()
    assert (found.observed_shape.g1, found.observed_shape.g2) == pytest.approx((0.2, -0.1), abs=0.01)
    middle = np.array([found.moments_centroid.x, found.moments_centroid.y]) - 32.5
    assert middle * 0.2 == pytest.approx([0.4, -0.2], abs=0.01)


def test_noise_is_as_many_times_what_it_was_as_is_said() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (400, 400))
    for scale in (0.05, 0.1, 0.2):
        image, times = resampled(noise, scale, 0.2, (64, 64))
        assert image.std() == pytest.approx(3 * times, rel=0.04)
        assert times == pytest.approx(0.2 / scale)


def test_a_scale_that_stays_changes_nothing() -> None:
    image = np.random.default_rng(1).normal(0, 3, (64, 64))
    np.testing.assert_allclose(resampled(image, 0.2, 0.2, (64, 64))[0], image, atol=1e-9)


def test_an_image_that_does_not_reach_is_refused() -> None:
    with pytest.raises(AssayError, match=r"covers 3.2 arcsec, and 12.8 are needed: cut a larger image"):
        resampled(np.zeros((64, 64)), 0.05, 0.2, (64, 64))
