"""Scoring behind a network: unbiased at the bound from any start, honest about itself, finite on hopeless images."""

from typing import Any

import pytest
import torch

from components.simulators.sersic.bounds import cramer_rao_bound, galaxy_fisher
from models.estimators.numbers.scoring import ScoringEstimator
from models.fields import check_arrays
from models.galaxies.drawing import GalaxyDrawing
from models.galaxies.parameters import Camera
from models.galaxies.rendering import render_rows
from tests.estimators import CONFIG

DRAWING: dict[str, Any] = {
    "size": 64, "pixel_scale": 0.23, "beta": 2.0, "shot_noise": True, "flux_unit": 1e5,
    "domain": {"flux": [0.3, 4.0], "n": [0.5, 6.0], "half_light_radius": [0.1, 0.6], "shear": 0.67},
}  # fmt: skip
TRUTH = torch.tensor([1.0, 3.0, 0.3, -0.069, 0.15])
UNIT = torch.tensor([1e5, 1.0, 1.0, 1.0, 1.0])


def estimator(steps: int = 50) -> ScoringEstimator:
    torch.manual_seed(0)
    return ScoringEstimator({**CONFIG, "scoring_steps": steps, "drawing": DRAWING}).eval()


def observed(count: int, sigma: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The benchmark galaxy under noise, and its conditions."""
    clean = render_rows((TRUTH * UNIT)[None], torch.tensor([0.5]), Camera())
    noise = torch.randn(count, 64, 64, generator=torch.Generator().manual_seed(seed))
    image = clean + noise * (clean.clamp_min(0) + sigma**2).sqrt()
    return image, torch.tensor([[sigma, 0.5]]).expand(count, -1)


def bound(sigma: float) -> torch.Tensor:
    fisher = galaxy_fisher((TRUTH * UNIT)[None], torch.tensor([0.5]), torch.tensor([sigma]), Camera(), shot_noise=True)
    return (cramer_rao_bound(fisher)[0] / UNIT).float()


def test_from_a_start_that_knows_nothing_the_values_are_unbiased_and_at_the_bound() -> None:
    image, conditions = observed(400, 200.0)
    drawing = GalaxyDrawing(DRAWING, ("sigma", "psf_fwhm"))
    start = torch.tensor([2.0, 2.0, 0.35, 0.0, 0.0]).expand(len(image), -1)
    scored = drawing.score(image, start, conditions)
    assert scored.converged_b.all()
    miss = (scored.unbiased_bp - TRUTH) / bound(200.0)
    assert miss.mean(dim=0).abs().max() < 0.15
    assert (miss.square().mean(dim=0).sqrt() < 1.15).all()


def test_the_bias_that_is_taken_off_is_there() -> None:
    """The maximum of the likelihood leans to large radii; without its first-order bias it does not."""
    image, conditions = observed(600, 250.0)
    wide = {**DRAWING, "domain": {**DRAWING["domain"], "flux": [0.01, 100.0], "half_light_radius": [0.05, 2.0]}}
    scored = GalaxyDrawing(wide, ("sigma", "psf_fwhm")).score(image, TRUTH.expand(len(image), -1), conditions)
    raw = ((scored.maximum_bp - TRUTH) / bound(250.0)).mean(dim=0)
    corrected = ((scored.unbiased_bp - TRUTH) / bound(250.0)).mean(dim=0)
    assert raw[2] > 0.15
    assert corrected[2].abs() < 0.5 * raw[2]


def test_answers_say_whether_they_converged_and_those_that_did_not_are_doubted() -> None:
    image, conditions = observed(4, 200.0)
    inputs = {"image": image, "sigma": conditions[:, 0], "psf_fwhm": conditions[:, 1]}
    region: dict[str, Any] = {"conditions": {}, "misfit": None}
    with torch.inference_mode():
        for steps, found in ((50, 1), (1, 0)):
            model = estimator(steps)
            outputs = model(inputs)
            check_arrays(outputs, model.outputs, "the answer")
            assert outputs["converged"].tolist() == [found] * 4
            for lines in model.doubts(inputs, outputs, region):
                assert any("did not converge in 1 steps" in line for line in lines) == (found == 0)


def test_values_are_scored_and_the_network_alone_is_kept_beside_them() -> None:
    image, conditions = observed(16, 200.0)
    with torch.inference_mode():
        answer = estimator().answers(image, conditions)
    scored = ((answer.value_bp - TRUTH) / bound(200.0)).abs().mean()
    alone = ((answer.unscored_bp - TRUTH) / bound(200.0)).abs().mean()
    assert scored < 1.2 < alone
    # The error counts how far the value is from the mean that an untrained correction leaves where it was.
    assert (answer.error_bp >= 0.999 * (answer.value_bp - answer.unscored_bp).abs()).all()


def test_a_right_answer_fits_its_image_and_a_neighbour_does_not() -> None:
    image, conditions = observed(64, 200.0)
    drawing = GalaxyDrawing(DRAWING, ("sigma", "psf_fwhm"))
    misfit, snr = drawing.compare(image, TRUTH.expand(64, -1), conditions)
    assert abs(float(misfit.mean())) < 0.4
    assert float(misfit.std()) == pytest.approx(1, abs=0.25)
    assert float(snr[0]) == pytest.approx(60, rel=0.02)
    beside = torch.roll(image, shifts=(9, 9), dims=(1, 2))
    assert (drawing.compare(image + beside, TRUTH.expand(64, -1), conditions)[0] > 5).all()


@pytest.mark.parametrize("value", [0.0, -1e4, 1e9])
def test_hopeless_images_have_finite_answers(value: float) -> None:
    with torch.inference_mode():
        answer = estimator().answers(torch.full((2, 64, 64), value), torch.tensor([[300.0, 0.7]]).expand(2, -1))
    for column in (answer.value_bp, answer.error_bp, answer.quantile_bpq, answer.unscored_bp):
        assert column.isfinite().all()


def test_a_psf_that_cannot_be_drawn_is_named() -> None:
    image, _ = observed(1, 200.0)
    with pytest.raises(ValueError, match=r"fwhm\[0\] = 0\.01"):
        estimator().answers(image, torch.tensor([[200.0, 0.01]]))


def test_scoring_without_a_drawing_is_refused() -> None:
    blind = ScoringEstimator({**CONFIG, "scoring_steps": 2, "drawing": None})
    with pytest.raises(ValueError, match="set scoring_steps to 0"):
        blind.answers(torch.zeros(1, 64, 64), torch.tensor([[200.0, 0.5]]))


def test_answers_are_the_same_one_by_one_and_together() -> None:
    """To 1e-4 of the stated error: the network before and after the search rounds otherwise in a batch of one."""
    image, conditions = observed(5, 300.0)
    with torch.inference_mode():
        together = estimator().answers(image, conditions)
        alone = [estimator().answers(image[i : i + 1], conditions[i : i + 1]) for i in range(5)]
    for name in ("value_bp", "error_bp"):
        difference = (torch.cat([getattr(one, name) for one in alone]) - getattr(together, name)).abs()
        assert float((difference / together.error_bp).max()) < 1e-4
