"""Gather the evidence for one model, part by part: each gives metrics, tables and pictures.

evaluation = gather(Gathering(problem=problem, answer=answer, dataset=dataset, whole=settings, …), cache=folder)

What a problem does not know (published cases, an exact posterior, failure axes, real images) is left out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.evidence.numbers import plots
from components.evidence.numbers.answers import LIKELIHOOD, POSTERIOR, Answers
from components.evidence.numbers.benchmark import benchmark_metrics, benchmark_report, benchmark_table
from components.evidence.numbers.calibration import FRESH, calibration
from components.evidence.numbers.cases import BenchmarkCase
from components.evidence.numbers.examples import examples
from components.evidence.numbers.limits import limits, share_tested
from components.evidence.numbers.over_prior import over_prior
from components.evidence.numbers.parts import Gathering, Part, together
from components.evidence.numbers.real_objects import real_objects
from components.evidence.numbers.sections import sections
from components.evidence.timing import time_per_image
from components.fields import ELSEWHERE, Confirmation, Evaluation, Loss, Metric, Report

__label__ = "gathering"

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
    limited, region = limits(about)
    parts = [
        prior,
        examples(about, answers),
        calibration(about, answers),
        limited,
        share_tested(about, answers, region),
    ]
    cases = problem.benchmark_cases(about.simulation)
    if cases:
        benchmark, report = at_benchmark(about, cases)
        parts.insert(0, benchmark)
    if settings.real_galaxies is not None:
        parts.append(real_objects(about, Path(settings.real_galaxies)))
    whole, timings = together(parts), timed(about)
    if not cases:
        report = over_prior_report(about, whole, answers.names)
    metrics, yardstick = whole.metrics, problem.yardstick
    return Evaluation(
        metrics=metrics,
        timings=timings,
        headline=tuple(name for name in problem.headline() if name in metrics),  # a model without a search has fewer
        summary=f"CRPS {metrics[f'{POSTERIOR}.crps_over_{yardstick.key}.{FRESH}'].value:.2g} {yardstick.plural} over "
        f"the prior, worst 68 % interval holds {100 * metrics[f'{POSTERIOR}.coverage68.worst'].value:.0f} %",
        losses=losses(about, answers),
        slices=_slice_of_each(about, "test"),
        report=report,
        sections=sections(about, whole, timings, report, region, answers.names),
        tables=whole.tables,
        tested_range=region,
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


def over_prior_report(about: Gathering, whole: Part, answers: Sequence[str]) -> Report:
    """Errors over the yardstick, for a problem that nothing is published about."""
    rows, said = [], about.problem.yardstick
    for truth in about.problem.truths:
        covered = f"{100 * whole.metrics[f'{POSTERIOR}.coverage68.{FRESH}.{truth}'].value:.1f} %"
        for answer in answers:
            errors = (whole.metrics[f"{answer}.{of}_over_{said.key}.test.{truth}"].value for of in ("bias", "rmse"))
            cells = (f"{value:+.3f}" for value in errors)
            rows.append((truth, answer, *cells, covered if answer == POSTERIOR else ""))
    columns = ("parameter", "answer", f"bias / {said.said}", f"RMSE / {said.said}", "68 % interval holds")
    return Report(title="over the test split", columns=columns, rows=tuple(rows))


def losses(about: Gathering, answers: Answers) -> tuple[Loss, ...]:
    """Proper scores of the posterior, and what the likelihood gets wrong: of every image, in nats and in bounds."""
    truths = about.problem.truths
    found = [Loss(name=f"{POSTERIOR}.log_score", values=answers.log_score, scale="absolute")]
    of_posterior = {f"{POSTERIOR}.crps.{truth}": answers.crps[:, i] for i, truth in enumerate(truths)}
    of_likelihood = {}
    if LIKELIHOOD in answers.names:
        missed = np.abs(answers.errors(LIKELIHOOD).in_bounds)
        of_likelihood = {f"{LIKELIHOOD}.absolute.{truth}": missed[:, i] for i, truth in enumerate(truths)}
    for name, values in {**of_posterior, **of_likelihood}.items():
        found.append(Loss(name=name, values=values, floor=_FLOOR))
    return tuple(found)


def timed(about: Gathering) -> dict[str, Metric]:
    """How long an answer takes."""
    inputs = {name: array.to(about.device) for name, array in about.split("validation").first(_TIMED).items()}
    return time_per_image(about.answer, inputs)


def _slice_of_each(about: Gathering, split: str) -> np.ndarray[Any, Any]:
    """The slice that each image is in, of those over the first column that is sliced."""
    rows, slices = about.dataset.rows(split), about.problem.slices()
    found = np.full(len(rows), ELSEWHERE, dtype=object)
    first = next((column for column, _, _ in slices.values()), None)
    for name, (column, low, high) in slices.items():
        if column == first:
            values = about.dataset.read((column,), rows)[column].numpy()
            found[(low <= values) & (values < high)] = name.removeprefix("test_")
    return found
