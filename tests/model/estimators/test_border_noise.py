"""The noise of a border: that of the pixels whatever the sky and the unit are, hardly of what else lies there."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.estimators import build
from models.estimators.border_noise import border_noise, estimated_noise
from tests.model.estimators.test_image_kinds import SHARED


def noises(count: int, size: int, sd: float = 1.0) -> Tensor:
    return sd * torch.randn(count, size, size, generator=torch.Generator().manual_seed(11))


def test_of_gaussian_pixels_it_is_their_standard_deviation() -> None:
    for size, off, scatter in ((16, 0.015, 0.09), (48, 0.005, 0.026), (64, 0.003, 0.02)):
        found_b = border_noise(noises(1024, size))
        assert float(found_b.mean()) == pytest.approx(1, abs=off), size
        assert float(found_b.std()) < scatter, size


@settings(deadline=None, max_examples=30)
@given(scale=st.floats(1e-6, 1e6), sky=st.floats(-100, 100))
def test_a_unit_scales_it_and_a_sky_that_is_level_changes_nothing(scale: float, sky: float) -> None:
    image_bhw = noises(8, 32)
    found_b = border_noise(image_bhw)
    torch.testing.assert_close(border_noise(scale * image_bhw), scale * found_b, rtol=1e-4, atol=0)
    torch.testing.assert_close(border_noise(image_bhw + sky), found_b, rtol=1e-4, atol=0)


def test_what_lies_inside_or_on_a_few_pixels_of_the_border_hardly_counts() -> None:
    image_bhw = noises(64, 64)
    found_b, shone_on = border_noise(image_bhw), image_bhw.clone()
    shone_on[:, 12:52, 12:52] += 1e4
    assert torch.equal(border_noise(shone_on), found_b)
    shone_on[:, 30:36, :8] += 50
    torch.testing.assert_close(border_noise(shone_on), found_b, rtol=0.02, atol=0)


def test_correlated_noise_counts_in_full() -> None:
    white = noises(256, 64)
    smooth = (white + white.roll(1, 1) + white.roll(1, 2) + white.roll((1, 1), (1, 2))) / 2
    assert float(border_noise(smooth).mean()) == pytest.approx(1, abs=0.01)


def test_an_image_without_noise_has_none() -> None:
    assert border_noise(torch.full((2, 16, 16), 7.0)).tolist() == [0, 0]


def conditions(**more: Any) -> list[dict[str, Any]]:
    return [{**one, **more.get(one["name"], {})} for one in SHARED["conditions"]]


def test_only_the_noise_is_estimated_and_only_where_its_model_says_so() -> None:
    config = {**SHARED, "kind": "image", "network": "small_unet"}
    inputs = {"image": noises(2, 16, sd=200.0), "psf_fwhm": torch.full((2,), 0.8)}
    assert build(config).completed(inputs) == (inputs, {})
    model = build({**config, "conditions": conditions(sigma={"estimated": True})})
    assert [field.name for field in model.inputs if field.estimated] == ["sigma"]
    whole, estimated = model.completed(inputs)
    assert torch.equal(estimated["sigma"], border_noise(inputs["image"]))
    assert {*whole} == {"image", "psf_fwhm", "sigma"}
    assert model.completed(whole) == (whole, {})
    with pytest.raises(ValueError, match="psf_fwhm is to be estimated: only the noise can be, which is sigma"):
        estimated_noise({**config, "conditions": conditions(psf_fwhm={"estimated": True})})
