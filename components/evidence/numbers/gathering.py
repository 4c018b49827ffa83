"""Gather the evidence for one model, part by part: each gives metrics, tables and pictures.

evaluation = gather(Gathering(problem=problem, predict=predict, dataset=dataset, settings=settings, …), cache=folder)
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.evidence.numbers import calibration, consistency, limit_plots, plots, timing
from components.evidence.numbers.answers import Answers, ask
from components.evidence.numbers.benchmark import benchmark_metrics, benchmark_report, benchmark_table
from components.evidence.numbers.errors_over_bound import interval
from components.evidence.numbers.failure_maps import measure_failures
from components.evidence.numbers.observed import ObservedSplit, observed_repeatedly
from components.evidence.numbers.parts import Gathering, Part, together
from components.evidence.numbers.reference import posterior_reference, reference_metrics
from components.evidence.numbers.sections import sections
from components.evidence.numbers.trusted_region import trusted_region
from components.fields import Evaluation, Loss, Metric, Report

__label__ = "gathering"

_FALSE_ALARMS = 0.01
"""Share of images like the training's that the in-domain test refuses."""
_CALIBRATED_SNR = (20.0, 100.0)
"""Where coverage is judged; the slices have the rest."""
_LEAST_IMAGES = 10
"""In a slice; fewer say nothing."""
_FLOOR = 1e-3
"""Bounds: a mean error below counts as this."""


def gather(about: Gathering, *, cache: Path) -> Evaluation:
    """Benchmark, prior, reference, calibration, failure maps, in-domain test and speed.

    Args:
        about: the model and what it is measured on.
        cache: folder for what does not depend on the model.
    """
    benchmark, report = at_benchmark(about)
    prior, answers = over_prior(about, cache)
    ordinary = about.split("validation", seed=101)
    threshold = in_domain_threshold(about, ordinary)
    limited, region = limits(about, threshold)
    parts = [benchmark, prior, limited, alarms_and_speed(about, answers, ordinary, threshold)]
    if about.settings.real_galaxies is not None:
        parts.append(real_objects(about, Path(about.settings.real_galaxies), threshold))
    whole = together(parts)
    return Evaluation(
        metrics=whole.metrics,
        headline=about.problem.headline(),
        summary=f"mean error {whole.metrics['score.test'].value:.2f} bounds on the test split",
        losses=losses(about, answers),
        slices=_snr_slices(about),
        report=report,
        sections=sections(
            whole.metrics,
            whole.tables,
            report,
            region,
            about.problem.truths,
            list(region["axes"]),
            real=about.settings.real_galaxies is not None,
        ),
        tables=whole.tables,
        trusted_region=region,
        plots=whole.plots,
    )


def at_benchmark(about: Gathering) -> tuple[Part, Report]:
    """The benchmark objects under many realisations of the noise."""
    problem, settings = about.problem, about.settings
    cases = problem.benchmark_cases(about.simulation)
    answers: dict[str, Answers] = {}
    metrics: dict[str, Metric] = {}
    count = settings.realisations
    for number, case in enumerate(cases):
        images = observed_repeatedly(
            problem, case.stamp, case.conditions, count, about.simulation, [settings.seed, number]
        )
        truth, bound = (np.broadcast_to(np.array(row), (count, len(row))) for row in (case.truth, case.bound))
        answers[case.name] = ask(about.predict, images, truth=truth, bound=bound, progress=about.progress)
        metrics |= benchmark_metrics(case, answers[case.name], problem.truths, settings)
    table = benchmark_table(cases, answers, problem.truths)
    part = Part(
        metrics=metrics,
        tables={"benchmark": table},
        plots={"benchmark": plots.plot_benchmark(table, problem.truths)},
    )
    return part, benchmark_report(cases, answers, problem.truths, problem.units)


def over_prior(about: Gathering, cache: Path) -> tuple[Part, Answers]:
    """The test split: errors over the bound, in slices, over the exact posterior's, and calibration."""
    problem, settings = about.problem, about.settings
    split = about.split("test", seed=100)
    answers = about.ask(split)
    metrics: dict[str, Metric] = {}
    for name, rows in _slices(about, split.table).items():
        here = answers.of(rows)
        for i, truth in enumerate(problem.truths):
            for quantity, metric in here.errors().over_bound(i, settings.bootstrap, settings.seed).items():
                metrics[f"{quantity}_over_crb.{name}.{truth}"] = metric
        for key, metric in calibration.calibration_metrics(here, problem.truths, settings).items():
            metrics[key.replace(".", f".{name}.", 1)] = metric
    bright = answers.of(split.table["snr"].between(*_CALIBRATED_SNR).to_numpy())
    metrics |= calibration.calibration_metrics(bright, problem.truths, settings)
    mean_loss = np.abs(answers.errors().miss / answers.bound).mean(axis=1)
    metrics["score.test"] = interval(mean_loss, np.mean, settings.bootstrap, settings.seed)

    first = slice(0, settings.reference_images)
    posterior = posterior_reference(
        problem, split.images[first], split.conditions[first], split.truth[first], about.simulation,
        seed=settings.seed, cache=cache,
    )  # fmt: skip
    for prefix, value in (("", answers.value), ("network_", answers.unscored)):
        found = reference_metrics(posterior, value[first], split.truth[first], problem.truths, settings)
        metrics |= {f"{prefix}{name}": metric for name, metric in found.items()}

    predictions, ranks = split.table.copy(), calibration.rank_table(bright, problem.truths)
    for i, truth in enumerate(problem.truths):
        predictions[f"predicted_{truth}"], predictions[f"error_{truth}"] = answers.value[:, i], answers.error[:, i]
    known = int(posterior.notna().all(axis=1).sum())
    part = Part(
        metrics=metrics,
        tables={"predictions": predictions, "ranks": ranks, "reference": posterior},
        plots={
            "error-over-the-prior": plots.plot_slices(metrics, problem.slices(), problem.truths, problem.units),
            "error-over-the-posterior": plots.plot_reference(metrics, problem.truths, known),
            "calibration": plots.plot_calibration(ranks, metrics, problem.truths),
            "predicted-against-true": plots.plot_predicted_against_true(predictions, problem.truths, problem.units),
        },
    )
    return part, answers


def losses(about: Gathering, answers: Answers) -> tuple[Loss, ...]:
    """|answer − truth| / bound of every test image, for each parameter."""
    values = np.abs(answers.errors().miss / answers.bound)
    return tuple(Loss(name=truth, values=values[:, i], floor=_FLOOR) for i, truth in enumerate(about.problem.truths))


def _snr_slices(about: Gathering) -> np.ndarray[Any, Any]:
    """The SNR slice that each test image is in."""
    snr = about.dataset.columns(("snr",), about.dataset.rows("test"))[:, 0]
    found = np.full(len(snr), "elsewhere", dtype=object)
    for name, (column, low, high) in about.problem.slices().items():
        if column == "snr":
            found[(low <= snr) & (snr < high)] = name.removeprefix("test_")
    return found


def in_domain_threshold(about: Gathering, ordinary: ObservedSplit) -> float:
    """The misfit that one in a hundred of ordinary images exceeds; NaN where nothing can be drawn."""
    return float(np.quantile(about.ask(ordinary).misfit, 1 - _FALSE_ALARMS))


def limits(about: Gathering, threshold: float) -> tuple[Part, dict[str, Any]]:
    """Failure maps, and the region in which the model can be trusted."""
    problem, settings = about.problem, about.settings
    axes = problem.failure_axes(about.simulation, settings.failure_images, settings.seed)
    table, metrics = measure_failures(
        about.predict,
        axes,
        about.observe,
        problem.truths,
        threshold=threshold,
        settings=settings,
        progress=about.progress,
    )
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


def alarms_and_speed(about: Gathering, answers: Answers, ordinary: ObservedSplit, threshold: float) -> Part:
    """How often the in-domain test is wrong about the test split, and how long an answer takes."""
    alarms = (answers.misfit > threshold).astype(np.float64)
    return Part(
        metrics={
            "false_alarms.test": interval(alarms, np.mean, about.settings.bootstrap, about.settings.seed),
            **timing.time_per_image(about.predict, ordinary.images, ordinary.conditions),
        }
    )


def real_objects(about: Gathering, folder: Path, threshold: float) -> Part:
    """Real objects, whose truth nobody knows."""
    problem, settings = about.problem, about.settings
    stamps, conditions = problem.real_images(folder, about.simulation)
    table = consistency.consistency_table(
        about.predict,
        stamps,
        conditions,
        about.observe,
        lambda images, told: problem.fit_directly(images, told, about.simulation),
        problem.truths,
        threshold=threshold,
        seed=settings.seed,
    )
    return Part(
        metrics=consistency.consistency_metrics(table, settings),
        tables={"real": table},
        plots={"real-galaxies": limit_plots.plot_real(table, problem.truths, problem.units)},
    )


def _slices(about: Gathering, table: pd.DataFrame) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Rows of the whole split and of every slice that has enough."""
    chosen = {"test": np.ones(len(table), dtype=bool)}
    for name, (column, low, high) in about.problem.slices().items():
        inside = table[column].between(low, high, inclusive="left").to_numpy()
        if inside.sum() >= _LEAST_IMAGES:
            chosen[name] = inside
    return chosen
