"""What a service says of answers outside of where a model was measured to be reliable."""

import pytest

from models.estimators.numbers.trust import doubts
from tests.estimators import TRUSTED_REGION

GOOD = {"sigma": 200.0, "psf_fwhm": 0.6}


def test_an_image_like_the_training_is_not_doubted() -> None:
    assert doubts(TRUSTED_REGION, GOOD, misfit=0.3, snr=40.0) == []
    assert doubts(TRUSTED_REGION, {"sigma": 400.00001, "psf_fwhm": 0.4}, misfit=2.4, snr=10.0) == []


@pytest.mark.parametrize(
    ("conditions", "misfit", "snr", "line"),
    [
        ({"sigma": 900.0}, 0.0, 40.0, "sigma 900 is outside of 100 to 400"),
        ({"psf_fwhm": 0.3}, 0.0, 40.0, "psf_fwhm 0.3 is outside of 0.4 to 1.2"),
        ({}, 2.5, 40.0, "the image differs from the answer drawn by 2.5 standard deviations"),
        ({}, 0.0, 7.0, "the SNR 7 is outside of 10 to 100"),
        ({}, 0.0, float("nan"), "the SNR nan is outside"),
    ],
)
def test_each_departure_is_named_with_its_value(
    conditions: dict[str, float], misfit: float, snr: float, line: str
) -> None:
    (said,) = doubts(TRUSTED_REGION, GOOD | conditions, misfit=misfit, snr=snr)
    assert said.startswith(line)


def test_a_model_that_is_reliable_nowhere_is_always_doubted() -> None:
    region = TRUSTED_REGION | {"conditions": {"sigma": None}}
    assert doubts(region, GOOD, misfit=None, snr=None) == ["the model was nowhere measured to be reliable in sigma"]
