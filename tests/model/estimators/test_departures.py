"""Departures of an image are found under one budget of false alarms, each with its size, and the surest said first."""

from typing import Any

import pytest
import torch
from torch import Tensor

from models.estimators.border_noise import border_noise
from models.estimators.familiar import FALSE_ALARMS
from models.estimators.numbers.departures import TESTS
from models.galaxies import Camera, render_rows
from tests.model.estimators.test_scoring_estimator import TRUTH, UNIT, bound, estimator, observed

EVERYWHERE: dict[str, Any] = {"conditions": {}}


def answered(image: Tensor, conditions: Tensor, **more: Tensor) -> tuple[dict[str, Tensor], list[list[str]]]:
    """The answer, and what is doubted of it beside its ranges and its draws."""
    inputs = {"image": image, "sigma": conditions[:, 0], "psf_fwhm": conditions[:, 1], **more}
    with torch.inference_mode():
        model = estimator()
        outputs = model(inputs)
        said = model.doubts(inputs, outputs, EVERYWHERE)
    return outputs, [[line for line in lines if "draws" not in line] for lines in said]


def test_an_image_like_the_training_departs_in_nothing() -> None:
    outputs, said = answered(*observed(60, 200.0))
    assert sum(map(bool, said)) <= 3  # one in a hundred
    assert ((outputs["p_value"] < FALSE_ALARMS) == torch.tensor([bool(lines) for lines in said])).all()
    assert torch.equal(outputs["p_value"], outputs["departure_p_value"].amin(dim=1))


def departed(name: str) -> tuple[Tensor, Tensor]:
    """Images of the benchmark galaxy that depart, and their conditions."""
    image, conditions = observed(8, 200.0)
    clean = render_rows((TRUTH * UNIT)[None], torch.tensor([0.5]), Camera())
    noise, seen = image - clean, {"clean": clean}
    if name == "sky":
        return image + 0.3 * 200.0, conditions
    if name == "overstated":
        return image, conditions * torch.tensor([1.25, 1.0])
    if name == "smoothed":
        return clean + (noise + noise.roll(1, 1) + noise.roll(1, 2) + noise.roll((1, 1), (1, 2))) / 2, conditions
    if name == "shifted":
        return image.roll(1, 2), conditions
    if name == "beside":
        return image + 0.4 * seen["clean"].roll((9, -9), (1, 2)), conditions
    if name == "noise-free":
        return clean.expand(8, -1, -1).clone(), conditions
    return torch.full_like(image, 200.0), conditions


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sky", "a sky of +0.3 σ a pixel"),
        ("overstated", "the noise is 0.8 times the stated σ"),
        ("smoothed", "the noise of neighbouring pixels is correlated by +0.5"),
        ("shifted", "the galaxy lies 1 pixels off the centre"),
        ("beside", "a second source has"),
        ("noise-free", "the noise is less than"),
        ("flat", "the noise is less than"),
    ],
)
def test_each_departure_is_named_with_its_size(name: str, line: str) -> None:
    _, said = answered(*departed(name))
    for lines in said:
        assert lines, name
        assert any(_without_decimals(one).startswith(_without_decimals(line)) for one in lines), lines


def _without_decimals(line: str) -> str:
    """The words of a line, and its first number to a tenth."""
    words = []
    for word in line.split():
        try:
            words.append(f"{float(word):+.0f}" if abs(float(word)) >= 1 else f"{float(word):+.1f}")
        except ValueError:
            words.append(word)
    return " ".join(words)


def test_the_surest_reason_is_said_first() -> None:
    outputs, said = answered(*departed("smoothed"))
    for p_values, lines in zip(outputs["departure_p_value"], said, strict=True):
        assert (p_values[TESTS.index("correlation")] <= p_values).all()
        assert "correlated" in lines[0]


def test_a_stated_error_of_the_psf_widens_both_answers_and_is_doubted_where_it_decides() -> None:
    image, conditions = observed(4, 200.0)
    known, _ = answered(image, conditions)
    error = torch.tensor([0.0, 0.005, 0.02, 0.1])
    unsure, said = answered(image, conditions, psf_fwhm_error=error)
    radius = 2
    moved = known["sensitivity_psf_fwhm"][:, radius].abs() * error / 0.01
    for answer in ("likelihood", "posterior"):
        name = f"{answer}_half_light_radius"
        torch.testing.assert_close(unsure[name], known[name])
        assert (unsure[f"{name}_error"] >= known[f"{name}_error"]).all()
    wider = unsure["likelihood_half_light_radius_error"] / known["likelihood_half_light_radius_error"]
    torch.testing.assert_close(wider, (1 + moved.square()).sqrt(), rtol=0.02, atol=0)
    widths = [known, unsure]
    low, high = (torch.diff(of["posterior_half_light_radius_interval68"], dim=1)[:, 0] for of in widths)
    assert low[0] == pytest.approx(float(high[0]), rel=1e-4)
    assert (high[1:] > low[1:]).all()
    assert ["PSF" in " ".join(lines) for lines in said] == (moved > 1).tolist()
    assert bound(200.0)[radius] > 0


def test_what_is_not_tested_is_said_and_a_stated_error_is() -> None:
    model = estimator()
    assert {"psf_fwhm", "psf_ellipticity", "psf_shape"} <= set(model.not_tested({}))
    assert "psf_fwhm" not in model.not_tested({"psf_fwhm_error": torch.zeros(1)})


def by_estimate(image: Tensor, sigma: Tensor) -> tuple[dict[str, Tensor], list[list[str]]]:
    """As `answered`, where nobody stated the noise."""
    model, inputs = estimator(), {"image": image, "sigma": sigma, "psf_fwhm": torch.full_like(sigma, 0.5)}
    with torch.inference_mode():
        outputs = model.uncompared(model(inputs), {"sigma": sigma})
        said = model.doubts(inputs, outputs, EVERYWHERE)
    return outputs, [[line for line in lines if "draws" not in line] for lines in said]


@pytest.mark.parametrize("off", [0.96, 1.04])
def test_noise_that_was_estimated_is_not_doubted_for_being_a_little_off(off: float) -> None:
    image, conditions = observed(8, 200.0)
    stated, said = answered(image, off * conditions / torch.tensor([1.0, off]))
    assert any(said), "as it is where it was stated"
    outputs, said = by_estimate(image, off * conditions[:, 0])
    assert said == [[]] * 8
    assert (outputs["departure_p_value"][:, TESTS.index("noise")] == 1).all()
    assert torch.equal(outputs["p_value"], outputs["departure_p_value"].amin(dim=1))
    assert torch.equal(outputs["departure"], stated["departure"]), "how large it is is said in any case"


def test_what_else_departs_is_found_where_the_noise_was_estimated() -> None:
    for name in ("sky", "beside", "smoothed"):
        image, conditions = departed(name)
        assert all(by_estimate(image, border_noise(image))[1]), name
    image, conditions = observed(8, 200.0)
    image[:, 16] += 1000.0
    outputs, said = by_estimate(image, conditions[:, 0])
    assert all(said)
    assert (outputs["departure_p_value"][:, TESTS.index("wings")] < FALSE_ALARMS).all(), "a trail beside the galaxy"


def test_one_in_a_hundred_of_the_images_that_it_was_set_by_departs() -> None:
    model, generator = estimator(), torch.Generator().manual_seed(0)
    # Half as rare as it is meant to be.
    rarest = 200 * -torch.log1p(-torch.rand(100_000, generator=generator)).double()
    model.calibrate_departures(rarest)
    departs = -torch.expm1(-FALSE_ALARMS * model.departure_factor * rarest) < FALSE_ALARMS
    assert float(departs.float().mean()) == pytest.approx(FALSE_ALARMS, abs=1e-3)
