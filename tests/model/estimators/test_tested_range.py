"""What a service says of answers outside of the range where a model was tested."""

import pytest
import torch

from models.estimators.numbers import range_doubts

RANGES = {"sigma": [100.0, 400.0], "psf_fwhm": [0.4, 1.2], "the SNR": [10.0, 100.0]}


def said(**changed: float) -> list[str]:
    values = {"sigma": 200.0, "psf_fwhm": 0.6, "the SNR": 40.0} | {
        name.replace("the_SNR", "the SNR"): value for name, value in changed.items()
    }
    (lines,) = range_doubts(RANGES, {name: torch.tensor([value]) for name, value in values.items()})
    return lines


def test_an_image_like_the_training_is_not_doubted() -> None:
    assert said() == []
    assert said(sigma=400.00001, psf_fwhm=0.4, the_SNR=10.0) == []


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("sigma", 900.0, "sigma 900 is outside of 100 to 400"),
        ("psf_fwhm", 0.3, "psf_fwhm 0.3 is outside of 0.4 to 1.2"),
        ("the_SNR", 7.0, "the SNR 7 is outside of 10 to 100"),
        ("the_SNR", float("nan"), "the SNR nan is outside"),
    ],
)
def test_each_number_out_of_its_range_is_named_with_its_value(name: str, value: float, line: str) -> None:
    (found,) = said(**{name: value})
    assert found.startswith(line)


def test_a_model_that_is_reliable_nowhere_is_always_doubted() -> None:
    (lines,) = range_doubts({"sigma": None}, {"sigma": torch.tensor([200.0])})
    assert lines == ["the model was nowhere measured to be reliable in sigma"]
