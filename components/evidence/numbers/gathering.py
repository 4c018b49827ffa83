"""Gather the evidence for one model, part by part: each gives metrics, tables and pictures.

evaluation = gather(Gathering(problem=problem, answer=answer, dataset=dataset, whole=settings, …), cache=folder)

What a problem does not know (published cases, an exact posterior, failure axes, real images) is left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.evidence.input_region import input_region
from components.evidence.intervals import interval, share
from components.evidence.numbers import calibration, consistency, limit_plots, plots, timing
from components.evidence.numbers.answers import Answers
from components.evidence.numbers.benchmark import benchmark_metrics, benchmark_report, benchmark_table
from components.evidence.numbers.cases import BenchmarkCase
from components.evidence.numbers.failure_maps import measure_failures
from components.evidence.numbers.observed import ObservedSplit
from components.evidence.numbers.parts import Gathering, Part, together
from components.evidence.numbers.reference import posterior_reference, reference_metrics
from components.evidence.numbers.sections import sections
from components.evidence.numbers.trusted_region import trusted_region
from components.fields import Confirmation, Evaluation, Loss, Metric, Report
from models.estimators.numbers import doubts

__label__ = "gathering"

_FALSE_ALARMS = 0.01
"""Share of images like the training's that the in-domain test refuses."""
_CALIBRATED_SNR = (20.0, 100.0)
"""Where coverage is judged when the catalogue has the SNR of enough images; the slices have the rest."""
_LEAST_IMAGES = 10
"""In a slice; fewer say nothing."""
_TIMED = 64
"""Images that are asked for again and again to see how long an answer takes."""
_FLOOR = 1e-3
"""Bounds: a mean error below counts as this."""


def gather(about: Gathering, *, cache: Path) -> Evaluation:
    """Benchmark, prior, reference, calibration, failure maps, in-domain test and speed.

    Args:
        about: the model and what it is measured on.
        cache: folder for what does not depend on the model.
    """
    problem, settings = about.problem, about.settings
    prior, answers = over_prior(about, cache)
    ordinary = about.split("validation")
    threshold = in_domain_threshold(about, ordinary)
    limited, region = limits(about, threshold)
    parts = [prior, limited, false_alarms(answers, threshold), share_trusted(about, answers, region)]
    cases = problem.benchmark_cases(about.simulation)
    if cases:
        benchmark, report = at_benchmark(about, cases)
        parts.insert(0, benchmark)
    else:
        report = over_prior_report(about, prior)
    if settings.real_galaxies is not None:
        parts.append(real_objects(about, Path(settings.real_galaxies), threshold))
    whole, timings = together(parts), timed(about, ordinary)
    return Evaluation(
        metrics=whole.metrics,
        timings=timings,
        headline=problem.headline(),
        summary=f"mean error {whole.metrics['score.test'].value:.2f} bounds on the test split",
        losses=losses(about, answers),
        slices=_slice_of_each(about, "test"),
        report=report,
        sections=sections(whole, timings, report, region, problem.truths),
        tables=whole.tables,
        trusted_region=region,
        plots=whole.plots,
    )


def confirm(about: Gathering) -> Confirmation:
    """What the model loses on the confirmation split."""
    answers = about.ask_split(about.split("confirmation"))
    return Confirmation(losses=losses(about, answers), slices=_slice_of_each(about, "confirmation"))


def at_benchmark(about: Gathering, cases: Sequence[BenchmarkCase]) -> tuple[Part, Report]:
    """The benchmark objects under many realisations of the noise."""
    truths, settings = about.problem.truths, about.settings
    answers: dict[str, Answers] = {}
    metrics: dict[str, Metric] = {}
    count = settings.realisations
    for number, case in enumerate(cases):
        truth, bound = (
            np.broadcast_to(np.array(row, dtype=np.float64), (count, len(truths)))
            for row in ([case.stored[name][0] for name in truths], case.bound)
        )
        answers[case.name] = about.ask(about.observe(case.stored, number, count=count), truth=truth, bound=bound)
        metrics |= benchmark_metrics(case, answers[case.name], truths, settings)
    table = benchmark_table(cases, answers, truths)
    part = Part(
        metrics=metrics,
        tables={"benchmark": table},
        plots={"benchmark": plots.plot_benchmark(table, truths)},
    )
    return part, benchmark_report(cases, answers, truths, about.units)


def over_prior(about: Gathering, cache: Path) -> tuple[Part, Answers]:
    """The test split: errors over the bound, in slices, over the exact posterior's, and calibration."""
    problem, settings = about.problem, about.settings
    split = about.split("test")
    answers = about.ask_split(split)
    metrics: dict[str, Metric] = {}
    for name, rows in _slices(about, split.table).items():
        here = answers.of(rows)
        for i, truth in enumerate(problem.truths):
            for quantity, metric in here.errors().over_bound(i, settings.bootstrap, settings.seed).items():
                metrics[f"{quantity}_over_crb.{name}.{truth}"] = metric
            score = here.crps[:, i] / here.bound[:, i]
            metrics[f"crps_over_crb.{name}.{truth}"] = interval(score, np.mean, settings.bootstrap, settings.seed)
        for key, metric in calibration.calibration_metrics(here, problem.truths).items():
            metrics[key.replace(".", f".{name}.", 1)] = metric
    judged = answers
    bright = split.table["snr"].between(*_CALIBRATED_SNR).to_numpy() if "snr" in split.table else np.zeros(0, bool)
    if bright.sum() >= _LEAST_IMAGES:
        judged = answers.of(bright)
    metrics |= calibration.calibration_metrics(judged, problem.truths)
    mean_loss = np.abs(answers.errors().miss / answers.bound).mean(axis=1)
    metrics["score.test"] = interval(mean_loss, np.mean, settings.bootstrap, settings.seed)
    if np.isfinite(answers.converged).all():
        metrics["converged.test"] = share(answers.converged)

    predictions, ranks = split.table.copy(), calibration.rank_table(judged, problem.truths)
    for i, truth in enumerate(problem.truths):
        predictions[f"predicted_{truth}"], predictions[f"error_{truth}"] = answers.value[:, i], answers.error[:, i]
    figures = {
        "calibration": plots.plot_calibration(ranks, metrics, problem.truths),
        "predicted-against-true": plots.plot_predicted_against_true(predictions, problem.truths, about.units),
    }
    if problem.slices():
        figures["error-over-the-prior"] = plots.plot_slices(metrics, problem.slices(), problem.truths, about.units)
    part = Part(metrics=metrics, tables={"predictions": predictions, "ranks": ranks}, plots=figures)
    return together([part, over_posterior(about, split, answers, cache)]), answers


def over_posterior(about: Gathering, split: ObservedSplit, answers: Answers, cache: Path) -> Part:
    """The first test images: errors over those of the exact posterior mean."""
    problem, settings = about.problem, about.settings
    if settings.reference_images == 0:
        return Part()
    first = slice(0, settings.reference_images)
    inputs = split.first(settings.reference_images)
    conditions = np.stack([inputs[name].numpy() for name in problem.conditions], axis=1)
    posterior = posterior_reference(
        problem, inputs["image"].numpy(), conditions, split.truth[first], about.simulation,
        seed=settings.seed, cache=cache,
    )  # fmt: skip
    metrics: dict[str, Metric] = {}
    for prefix, value in (("", answers.value), ("network_", answers.unscored)):
        found = reference_metrics(posterior, value[first], split.truth[first], problem.truths, settings)
        metrics |= {f"{prefix}{name}": metric for name, metric in found.items()}
    known = int(posterior.notna().all(axis=1).sum())
    return Part(
        metrics=metrics,
        tables={"reference": posterior},
        plots={"error-over-the-posterior": plots.plot_reference(metrics, problem.truths, known)},
    )


def over_prior_report(about: Gathering, prior: Part) -> Report:
    """Errors over the bound, for a problem that nothing is published about."""
    rows = tuple(
        (
            truth,
            *(f"{prior.metrics[f'{quantity}_over_crb.test.{truth}'].value:+.3f}" for quantity in ("bias", "rmse")),
            f"{100 * prior.metrics[f'coverage68.test.{truth}'].value:.1f} %",
        )
        for truth in about.problem.truths
    )
    columns = ("parameter", "bias / bound", "RMSE / bound", "68 % interval holds")
    return Report(title="over the test split", columns=columns, rows=rows)


def losses(about: Gathering, answers: Answers) -> tuple[Loss, ...]:
    """|answer − truth| / bound of every image, for each parameter."""
    values = np.abs(answers.errors().miss / answers.bound)
    return tuple(Loss(name=truth, values=values[:, i], floor=_FLOOR) for i, truth in enumerate(about.problem.truths))


def _slice_of_each(about: Gathering, split: str) -> np.ndarray[Any, Any]:
    """The slice that each image is in, of those over the first column that is sliced."""
    rows, slices = about.dataset.rows(split), about.problem.slices()
    found = np.full(len(rows), "elsewhere", dtype=object)
    first = next((column for column, _, _ in slices.values()), None)
    for name, (column, low, high) in slices.items():
        if column == first:
            values = about.dataset.read((column,), rows)[column].numpy()
            found[(low <= values) & (values < high)] = name.removeprefix("test_")
    return found


def in_domain_threshold(about: Gathering, ordinary: ObservedSplit) -> float:
    """The misfit that one in a hundred of ordinary images exceeds; NaN where nothing can be drawn."""
    return float(np.quantile(about.ask_split(ordinary).misfit, 1 - _FALSE_ALARMS))


def limits(about: Gathering, threshold: float) -> tuple[Part, dict[str, Any]]:
    """Failure maps, and the region in which the model can be trusted; without maps that is where images were."""
    problem, settings = about.problem, about.settings
    axes = problem.failure_axes(about.simulation, settings.failure_images, settings.seed)
    if not axes:
        region: dict[str, Any] = {"conditions": {}, "misfit": threshold, "axes": {}}
        if not np.isfinite(threshold):  # nothing can be drawn, so that images are known by how loud they are
            region["misfit"] = None
        noise = problem.estimator_config(about.whole)["noise"]
        region |= input_region(problem, about.dataset, about.whole, noise=noise, device=about.device)
        return Part(), region
    table, metrics = measure_failures(about, axes, threshold=threshold)
    region = trusted_region(
        table, threshold=threshold, conditions={name: name for name in problem.conditions}, snr="snr"
    )
    figures = {
        f"failure-{axis.name.replace('_', '-')}": limit_plots.plot_failures(
            table[table["axis"] == axis.name], region["axes"][axis.name], problem.truths
        )
        for axis in axes
    }
    return Part(metrics=metrics, tables={"failures": table}, plots=figures), region


def false_alarms(answers: Answers, threshold: float) -> Part:
    """How often the in-domain test is wrong about the test split."""
    if not np.isfinite(threshold):
        return Part()
    return Part(metrics={"false_alarms.test": share((answers.misfit > threshold).astype(np.float64))})


def share_trusted(about: Gathering, answers: Answers, region: Mapping[str, Any]) -> Part:
    """How much of the test split is trusted, by what a service can check of one image: a region may be empty."""
    if "inputs" in region:  # known by how loud images are, which the region was made of
        return Part()
    inputs = about.split("test").first(len(answers.snr))
    names = about.problem.conditions
    drawn = ([None if np.isnan(value) else value for value in of.tolist()] for of in (answers.misfit, answers.snr))
    rows = zip(*(inputs[name].tolist() for name in names), *drawn, strict=True)
    trusted = [
        not doubts(region, dict(zip(names, row, strict=True)), misfit=misfit, snr=snr) and converged != 0
        for (*row, misfit, snr), converged in zip(rows, answers.converged.tolist(), strict=True)
    ]
    return Part(metrics={"trusted.share": share(np.array(trusted, dtype=np.float64))})


def timed(about: Gathering, ordinary: ObservedSplit) -> dict[str, Metric]:
    """How long an answer takes."""
    inputs = {name: array.to(about.device) for name, array in ordinary.first(_TIMED).items()}
    return timing.time_per_image(about.answer, inputs)


def real_objects(about: Gathering, folder: Path, threshold: float) -> Part:
    """Real objects, whose truth nobody knows."""
    stored = about.problem.real_images(folder, about.simulation)
    table = consistency.consistency_table(about, stored, threshold=threshold)
    return Part(
        metrics=consistency.consistency_metrics(table, about.settings),
        tables={"real": table},
        plots={"real-galaxies": limit_plots.plot_real(table, about.problem.truths, about.units)},
    )


def _slices(about: Gathering, table: pd.DataFrame) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Rows of the whole split and of every slice that has enough."""
    chosen = {"test": np.ones(len(table), dtype=bool)}
    for name, (column, low, high) in about.problem.slices().items():
        inside = table[column].between(low, high, inclusive="left").to_numpy()
        if inside.sum() >= _LEAST_IMAGES:
            chosen[name] = inside
    return chosen
