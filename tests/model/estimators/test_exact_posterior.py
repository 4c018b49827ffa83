"""The posterior is the exact one, whatever the network that its search starts from."""

from typing import cast

import numpy as np
import torch

from components.core.settings import ProblemSettings
from components.fields.dataset import Dataset
from components.fields.fresh import fresh_batches
from components.fields.problem import Problem
from components.simulators.sersic.posterior import galaxy_posterior
from components.simulators.sersic.prior import SersicSettings
from models.estimators import build
from models.estimators.numbers.scoring import ScoringEstimator

IMAGES = 10


def test_means_errors_and_densities_are_those_of_long_sampling(
    problem: Problem, settings: ProblemSettings, small_dataset: Dataset
) -> None:
    """Of images of the prior, by the renderer in torch and eight thousand samples; the network is random."""
    torch.manual_seed(0)
    model, _ = problem.finish(build(problem.estimator_config(settings)).eval(), small_dataset, settings)
    assert isinstance(model, ScoringEstimator)
    (batch,) = fresh_batches(problem, settings, seed=5, count=IMAGES, device=torch.device("cpu"))
    with torch.inference_mode():
        outputs = model.measured(batch.inputs, batch.targets)
    names = [field.name for field in model.targets]
    truth = torch.stack([batch.targets[name] for name in names], dim=1).double().numpy()
    away, apart, wider = [], [], []
    for row in range(IMAGES):
        image_hw = batch.inputs["image"][row].numpy()
        sigma, psf_fwhm = (float(batch.inputs[name][row]) for name in ("sigma", "psf_fwhm"))
        exact, log_density = galaxy_posterior(
            image_hw, sigma, psf_fwhm, truth[row], cast(SersicSettings, settings.simulate), seed=row
        )
        mean, error = (
            np.array([float(outputs[f"posterior_{name}{of}"][row]) for name in names]) for of in ("", "_error")
        )
        away.append(((mean - exact.mean) / exact.sd) ** 2)
        wider.append(error / exact.sd)
        apart.append(float(outputs["log_density"][row]) - float(log_density(truth[row][None])[0]))
    # Samples on request are of the same posterior, joint ones.
    with torch.inference_mode():
        samples = model.samples(batch.inputs, 512)
    drawn_bps = torch.stack([samples[f"posterior_{name}"] for name in names], dim=1).numpy()
    for row, drawn_ps in enumerate(drawn_bps):
        for index, name in enumerate(names):
            stated, wide = (float(outputs[f"posterior_{name}{of}"][row]) for of in ("", "_error"))
            assert abs(drawn_ps[index].mean() - stated) < 0.5 * wide
        stated_pp = outputs["posterior_correlation"][row].numpy()
        assert np.abs(np.corrcoef(drawn_ps) - stated_pp).mean() < 0.2
    assert np.mean(away) < 0.06
    assert abs(np.mean(wider) - 1) < 0.1
    assert abs(np.mean(apart)) < 0.15
