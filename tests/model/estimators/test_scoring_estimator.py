"""A search behind a network: at the bound from any start, honest about itself, finite on hopeless images."""

from typing import Any

import pytest
import torch

from components.simulators.sersic.bounds import cramer_rao_bound, galaxy_fisher
from models.estimators.numbers.answer import Answer, Likelihood
from models.estimators.numbers.answer_fields import likelihood_arrays
from models.estimators.numbers.scoring import ScoringEstimator
from models.fields import check_arrays
from models.galaxies.drawing import GalaxyDrawing
from models.galaxies.parameters import Camera
from models.galaxies.rendering import render_rows
from tests.estimators import CONFIG

DRAWING: dict[str, Any] = {
    "size": 64, "pixel_scale": 0.23, "beta": 2.0, "shot_noise": True, "flux_unit": 1e5,
    "domain": {"flux": [0.3, 4.0], "n": [0.5, 6.0], "half_light_radius": [0.1, 0.6], "shear": 0.67},
    "prior": {"flux": [0.3, 4.0], "n": [0.5, 6.0], "half_light_radius": [0.1, 0.6], "shear": 0.67, "snr": [10, 100]},
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


def test_from_a_start_that_knows_nothing_the_values_are_at_the_bound() -> None:
    image, conditions = observed(400, 200.0)
    drawing = GalaxyDrawing(DRAWING, ("sigma", "psf_fwhm"))
    start = torch.tensor([2.0, 2.0, 0.35, 0.0, 0.0]).expand(len(image), -1)
    scored = drawing.score(image, start, conditions)
    assert scored.converged_b.all()
    miss = (scored.maximum_bp - TRUTH) / bound(200.0)
    assert miss.mean(dim=0).abs().max() < 0.3
    assert (miss.square().mean(dim=0).sqrt() < 1.15).all()


def test_answers_say_whether_they_converged_and_those_that_did_not_are_doubted() -> None:
    image, conditions = observed(4, 200.0)
    inputs = {"image": image, "sigma": conditions[:, 0], "psf_fwhm": conditions[:, 1]}
    region: dict[str, Any] = {"conditions": {}}
    with torch.inference_mode():
        for steps, found in ((50, 1), (1, 0)):
            model = estimator(steps)
            outputs = model(inputs)
            check_arrays(outputs, model.outputs, "the answer")
            assert outputs["likelihood_converged"].tolist() == [found] * 4
            for lines in model.doubts(inputs, outputs, region):
                assert any("did not converge in 1 steps" in line for line in lines) == (found == 0)


def test_the_likelihood_is_at_the_bound_from_a_network_that_knows_nothing() -> None:
    image, conditions = observed(16, 200.0)
    with torch.inference_mode():
        answer = estimator().answers(image, conditions)
    assert answer.likelihood is not None
    found = ((answer.likelihood.value_bp - TRUTH) / bound(200.0)).abs().mean()
    alone = ((answer.network_bp - TRUTH) / bound(200.0)).abs().mean()
    assert found < 1.2 < alone
    stated = answer.likelihood.covariance_bpp.diagonal(dim1=1, dim2=2).sqrt().mean(dim=0) / bound(200.0)
    torch.testing.assert_close(stated, torch.ones(5), rtol=0.3, atol=0)


def test_the_likelihood_leaves_the_prior_behind_and_says_where_it_can_go_no_further() -> None:
    """A galaxy that no prior has is found, and one beyond what can be drawn is at an edge."""
    told = torch.tensor([[200.0, 0.7]]).expand(2, -1)
    truths = torch.tensor([[3.5, 1.2, 0.8, 0.5, 0.55], [3.0, 1.0, 1.6, 0.3, 0.1]])
    images = render_rows(truths * UNIT, told[:, 1], Camera())
    with torch.inference_mode():
        model = estimator()
        outputs = model({"image": images, "sigma": told[:, 0], "psf_fwhm": told[:, 1]})
    assert outputs["likelihood_edge"].tolist() == [0, 1]
    assert outputs["likelihood_converged"].tolist() == [1, 1]
    for index, name in enumerate(("flux", "n", "half_light_radius", "g1", "g2")):
        assert float(outputs[f"likelihood_{name}"][0]) == pytest.approx(float(truths[0, index]), rel=0.03), name
    assert outputs["quote"][1] == 0  # the posterior's


def test_the_answer_to_quote_is_the_likelihood_where_the_image_says_more_than_the_prior() -> None:
    """That is where the posterior's variance is at least half of the likelihood's own."""
    names = ("a", "b")
    inside, told = torch.tensor([False, False, True, False]), torch.tensor([True, True, True, False])
    wide = torch.diag_embed(torch.tensor([[1.0, 4.0]])).expand(4, -1, -1)
    own = torch.diag_embed(torch.tensor([[1.9, 7.9], [1.9, 8.1], [1.0, 4.0], [1.0, 4.0]]))
    zero = torch.zeros(4, 2)
    found = Likelihood(value_bp=zero, covariance_bpp=own, edge_b=inside, converged_b=told)
    answer = Answer(mean_bp=zero, covariance_bpp=wide, quantile_bpq=zero[:, :, None], network_bp=zero, likelihood=found)
    assert likelihood_arrays(found, answer, names)["quote"].tolist() == [1, 0, 0, 0]


def test_however_wrong_a_learned_bias_is_values_stay_where_galaxies_are() -> None:
    """At an edge errors are hundreds of the prior's, and what is learned in units of them was an index of 385."""
    image, conditions = observed(4, 200.0)
    model = estimator()
    with torch.no_grad():
        list(model.bias.parameters())[-1].fill_(-500.0)
        answer = model.answers(image, conditions)
    assert answer.likelihood is not None
    n, radius = answer.likelihood.value_bp[:, 1], answer.likelihood.value_bp[:, 2]
    assert (n <= 2 * 6.2).all()
    assert (radius <= 2 * 0.9).all()


@pytest.mark.parametrize("value", [0.0, -1e4, 1e9])
def test_hopeless_images_have_finite_answers(value: float) -> None:
    with torch.inference_mode():
        answer = estimator().answers(torch.full((2, 64, 64), value), torch.tensor([[300.0, 0.7]]).expand(2, -1))
    assert answer.likelihood is not None
    posterior = (answer.mean_bp, answer.covariance_bpp, answer.quantile_bpq, answer.network_bp)
    for column in (*posterior, answer.likelihood.value_bp, answer.likelihood.covariance_bpp):
        assert column.isfinite().all()


def test_a_psf_that_cannot_be_drawn_is_named() -> None:
    image, _ = observed(1, 200.0)
    with pytest.raises(ValueError, match=r"fwhm\[0\] = 0\.01"):
        estimator().answers(image, torch.tensor([[200.0, 0.01]]))


def test_scoring_without_a_drawing_is_refused() -> None:
    with pytest.raises(ValueError, match="set scoring_steps to 0"):
        ScoringEstimator({**CONFIG, "scoring_steps": 2, "drawing": None})


def test_an_image_that_no_galaxy_of_the_prior_is_like_is_doubted() -> None:
    """Its SNR of 160 is out of the prior's range, whatever the parameters."""
    image, conditions = observed(2, 75.0)
    inputs = {"image": image, "sigma": conditions[:, 0], "psf_fwhm": conditions[:, 1]}
    with torch.inference_mode():
        model = estimator()
        outputs = model(inputs)
    assert all(outputs[field.name].isfinite().all() for field in model.outputs)
    likely = model.doubts(inputs, outputs | {"posterior_effective": torch.tensor([40.0, 2.5])}, {"conditions": {}})
    assert [len(lines) for lines in likely] == [0, 1]
    assert "rests on 2.5 of 64 draws" in likely[1][0]


def test_answers_are_the_same_one_by_one_and_together() -> None:
    """To 1e-4 of the stated error: the network before and after the search rounds otherwise in a batch of one."""
    image, conditions = observed(5, 300.0)
    inputs = {"image": image, "sigma": conditions[:, 0], "psf_fwhm": conditions[:, 1]}
    with torch.inference_mode():
        together = estimator()(inputs)
        alone = [estimator()({name: array[i : i + 1] for name, array in inputs.items()}) for i in range(5)]
    for answer in ("posterior", "likelihood"):
        for parameter in ("flux", "n", "half_light_radius", "g1", "g2"):
            error = together[f"{answer}_{parameter}_error"]
            for of in (f"{answer}_{parameter}", f"{answer}_{parameter}_error"):
                difference = (torch.cat([one[of] for one in alone]) - together[of]).abs()
                assert float((difference / error).max()) < 1e-4, of
