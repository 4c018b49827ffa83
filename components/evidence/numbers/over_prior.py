"""The test split: errors over the bound, in slices and against the exact posterior, and scores of what is stated.

    part, answers = over_prior(about, cache)

Metrics begin with the name of the answer that they are of: `likelihood.rmse_over_crb.test.n`.
"""

from pathlib import Path

import numpy as np

from components.evidence.intervals import share, too_few
from components.evidence.numbers import plots
from components.evidence.numbers.answers import LIKELIHOOD, POSTERIOR, Answers
from components.evidence.numbers.observing import ObservedSplit
from components.evidence.numbers.parts import Gathering, Part, together
from components.evidence.numbers.reference import posterior_reference, reference_metrics, sampled
from components.fields import Metric

__label__ = "over_prior"

_QUANTITIES = ("bias", "sd", "rmse", "stated")


def over_prior(about: Gathering, cache: Path) -> tuple[Part, Answers]:
    """The part, and what the model answered to the test split."""
    problem = about.problem
    split = about.split("test")
    answers = about.ask_split(split)
    metrics = {**score_metrics(about, answers, "test")}
    key = problem.yardstick.key
    for name in split.slices:
        metrics |= _errors(about, answers.of(split.slices[name]), name, answers.names)
    if LIKELIHOOD in answers.names:
        loss = np.abs(answers.errors(LIKELIHOOD).in_bounds).mean(axis=1)
        metrics[f"{LIKELIHOOD}.absolute_over_{key}.test"] = about.mean(loss)
        metrics[f"{LIKELIHOOD}.converged.test"] = share(answers.converged)
        metrics[f"{LIKELIHOOD}.inside.test"] = share(1 - answers.edge)
    if np.isfinite(answers.effective).all():
        metrics[f"{POSTERIOR}.effective.test"] = about.mean(answers.effective)
    predictions = split.table.copy()
    for name in answers.names:
        for i, truth in enumerate(problem.truths):
            predictions[f"{name}_{truth}"] = answers.value(name)[:, i]
            predictions[f"{name}_{truth}_error"] = answers.error(name)[:, i]
    figures = {
        "predicted-against-true": plots.plot_predicted_against_true(
            predictions, answers.names, problem.truths, about.units
        )
    }
    if problem.slices():
        figures["error-over-the-prior"] = plots.plot_slices(
            metrics, answers.names, problem.slices(), problem.truths, about.units, problem.yardstick
        )
    part = Part(metrics=metrics, tables={"predictions": predictions}, plots=figures)
    over_exact = _over_exact(about, split, answers, cache)
    own = problem.own_metrics(answers, over_exact.tables.get("reference"), about.whole)
    return together([part, over_exact, Part(metrics=own)]), answers


def score_metrics(about: Gathering, answers: Answers, where: str) -> dict[str, Metric]:
    """Proper scores of what is stated, over all of some images."""
    key = about.problem.yardstick.key
    return {
        f"{POSTERIOR}.crps_over_{key}.{where}": about.mean(answers.crps.mean(axis=1)),
        f"{POSTERIOR}.log_score.{where}": about.mean(answers.log_score),
        f"{POSTERIOR}.energy_score.{where}": about.mean(answers.energy_score),
        f"network.log_score.{where}": about.mean(answers.network_log_score),
    }


def _errors(about: Gathering, here: Answers, name: str, answers: tuple[str, ...]) -> dict[str, Metric]:
    """Bias, sd, RMSE and stated error of each answer in a slice, and the posterior's CRPS."""
    settings, key, thin = about.settings, about.problem.yardstick.key, too_few(name, len(here.truth))
    metrics: dict[str, Metric] = {}
    for i, truth in enumerate(about.problem.truths):
        metrics[f"{POSTERIOR}.crps_over_{key}.{name}.{truth}"] = thin or about.mean(here.crps[:, i])
        for answer in answers:
            if thin:
                found = dict.fromkeys(_QUANTITIES, thin)
            else:
                found = here.errors(answer).over_bound(i, settings.bootstrap, settings.seed)
                found["stated"] = about.mean(here.error(answer)[:, i] / here.bound[:, i])
            metrics |= {f"{answer}.{of}_over_{key}.{name}.{truth}": found[of] for of in _QUANTITIES}
    return metrics


def _over_exact(about: Gathering, split: ObservedSplit, answers: Answers, cache: Path) -> Part:
    """The first test images against their exact posteriors."""
    problem, settings = about.problem, about.settings
    if settings.reference_images == 0:
        return Part()
    first = slice(0, settings.reference_images)
    inputs = split.first(settings.reference_images)
    known = [inputs[name].numpy() for name in problem.conditions]
    conditions = np.stack(known, axis=1) if known else np.empty((len(inputs["image"]), 0))
    exact = posterior_reference(
        problem, inputs["image"].numpy(), conditions, split.truth[first], split.bound[first], about.simulation,
        draws=settings.reference_draws, seed=settings.seed, cache=cache,
    )  # fmt: skip
    metrics = reference_metrics(exact, answers.of(np.arange(len(exact))), problem.truths, settings)
    count = int(sampled(exact).sum())
    figures = {"error-over-the-posterior": plots.plot_reference(metrics, problem.truths, count)} if count > 1 else {}
    return Part(metrics=metrics, tables={"reference": exact}, plots=figures)
