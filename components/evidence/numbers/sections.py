"""What the model card says of a model that answers with numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from components.evidence.axis_plots import axis_captions
from components.evidence.numbers.accuracy_needed import NEEDED, accuracy_table
from components.evidence.numbers.answers import NETWORK
from components.evidence.numbers.benchmark import OURS
from components.evidence.numbers.card_tables import (
    coverage_table,
    errors_table,
    false_alarms_table,
    ranges_table,
    refused_table,
    scores_table,
    slopes_table,
    speed_table,
)
from components.evidence.numbers.examples import EXAMPLES, examples_report
from components.evidence.numbers.parts import Gathering, Part
from components.evidence.numbers.real_card import real_section
from components.fields import Metric, Report, Section

__label__ = None

_PANELS = (
    "A row for each answer: from the left bias, error, and what 68 % intervals hold; at the right the share of such "
    "images that are doubted. Where it is grey the model is reliable."
)
"""Of every failure map."""


def sections(
    about: Gathering,
    whole: Part,
    timings: Mapping[str, Metric],
    report: Report,
    region: Mapping[str, Any],
    answers: Sequence[str],
) -> tuple[Section, ...]:
    """The parts of the card, for what was measured.

    Args:
        about: the model and what it was measured on.
        whole: all of the evaluation but the next.
        timings: how long an answer takes.
        report: bias and sd at the benchmark beside published results, or over the test split.
        region: the tested range.
        answers: names of the answers that are served.
    """
    metrics, tables = whole.metrics, whole.tables
    truths, yardstick = about.problem.truths, about.problem.yardstick
    found = []
    if "benchmark" in tables:
        found.append(
            Section(
                title="At the benchmark",
                text="Bias ± standard deviation over realisations of the noise, beside every published result; below, "
                "root mean square error over the best published one, with its 95 % interval: below 1 it is the better. "
                "The likelihood claims to be unbiased; the posterior has the least error over the prior, and leans "
                f"towards it. {_won(metrics, tables['benchmark'], truths, answers)}",
                tables=(report, _over_published(metrics, tables["benchmark"], truths, answers)),
                pictures=_pictures(whole, {"benchmark": "Error at the benchmark beside every published method."}),
            )
        )
    over_prior = {
        "error-over-the-prior": f"Error over the prior, in slices, in {yardstick.plural}.",
        "error-over-the-posterior": "Error over that of the exact posterior mean, which knows the prior.",
        "predicted-against-true": "Answers against the truth.",
    }
    found += [
        Section(
            title="Over the prior",
            text=f"Errors in {yardstick.plural}: {yardstick.meant}. The log score is in nats, of the parameters in "
            f"{yardstick.plural}; what is said over the exact posterior is over the best that anybody could state.",
            tables=(
                *(() if "benchmark" in tables else (report,)),
                errors_table(metrics, truths, answers, yardstick),
                scores_table(metrics),
            ),
            pictures=_pictures(whole, over_prior),
        ),
        Section(
            title="Examples",
            text="The images of the test split whose truth has the highest, the median and the lowest density in the "
            "posterior.",
            tables=(examples_report(tables[EXAMPLES], about.units),),
            pictures=_pictures(
                whole, {EXAMPLES: "Best, median and worst answer, with what they leave where they can be drawn."}
            ),
        ),
        Section(
            title="Can its errors be believed?",
            text="Images that no dataset holds, drawn for this alone; slices, where there are any, are by the SNR that "
            "the model finds. The intervals of all cells hold together. The slope is 1 where values are neither "
            "stretched nor shrunk.",
            tables=(coverage_table(metrics, truths), slopes_table(metrics, truths, answers)),
            pictures=_pictures(
                whole,
                {"calibration": "Coverage of the intervals, and ranks of the truth among the stated quantiles."},
            ),
        ),
    ]
    if "failures" in tables:
        maps, refused = dict(axis_captions(whole.plots, _PANELS)), ""
        if "false_alarms.fresh" in metrics:
            refused = (
                f" Its tests doubt {metrics['false_alarms.fresh'].said('.2%')} of images like the "
                "training's, and of others as the last table says"
            )
            if tables["failures"]["limit_power"].notna().any():
                refused += ", beside what no test of one image could exceed that raises 1 % false alarms"
            refused += "."
        found.append(
            Section(
                title="Limits",
                text="The model was found reliable within these ranges; a service applies those of what it is told, "
                f"and of the SNR where one is found, to every request by itself.{refused}",
                tables=(ranges_table(region["axes"]), refused_table(tables["failures"])),
                pictures=_pictures(whole, maps),
            )
        )
    if any(name.startswith(NEEDED) for name in metrics):
        found.append(
            Section(
                title="What it cannot know",
                text="Once a galaxy was fitted, next to nothing is left in the image of an error of the PSF or of a "
                "small one of the sky: no test can see it, and an answer in the tested range takes these as stated. "
                "An error of the size below moves half of the answers by more than a quarter of their bound. Each "
                "answer says by how much it would move (`sensitivity_…`); a stated error of the PSF is in its errors.",
                tables=(accuracy_table(metrics, truths), false_alarms_table(metrics)),
            )
        )
    if "real" in tables:
        found.append(real_section(whole))
    return (*found, Section(title="Speed", tables=(speed_table(timings),)))


def _pictures(whole: Part, captions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those that were drawn."""
    return tuple((name, caption) for name, caption in captions.items() if name in whole.plots)


def _over_published(
    metrics: Mapping[str, Metric], benchmark: pd.DataFrame, truths: Sequence[str], answers: Sequence[str]
) -> Report:
    """For each case RMSE over the best published one, of the network alone and of each answer."""
    rows = [
        (case, OURS[name], *(metrics[f"{name}.rmse_over_published.{case}.{truth}"].said() for truth in truths))
        for case in benchmark["name"].unique()
        for name in (NETWORK, *answers)
    ]
    return Report(title="RMSE over the best published", columns=("case", "method", *truths), rows=tuple(rows))


def _won(metrics: Mapping[str, Metric], benchmark: pd.DataFrame, truths: Sequence[str], answers: Sequence[str]) -> str:
    """How many of the published cells each answer wins by itself: with its whole interval below 1."""
    cases = benchmark["name"].unique()
    won = {
        name: sum(metrics[f"{name}.rmse_over_published.{case}.{truth}"].high < 1 for case in cases for truth in truths)
        for name in answers
    }
    said = ", ".join(f"the {name} {count}" for name, count in won.items())
    return f"Of the {len(cases) * len(truths)} published cells each wins by itself: {said}."
