"""What the model card says of a model that answers with numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from components.evidence.numbers.parts import Part
from components.fields import Metric, Report, Section

__label__ = None

_REAL = "Real images: two realisations of the noise, and a direct fit."


def sections(
    whole: Part, timings: Mapping[str, Metric], report: Report, region: Mapping[str, Any], truths: Sequence[str]
) -> tuple[Section, ...]:
    """The parts of the card, for what was measured.

    Args:
        whole: all of the evaluation but the next.
        timings: how long an answer takes.
        report: bias and sd at the benchmark beside published results, or over the test split.
        region: the trusted region.
        truths: names of the parameters.
    """
    metrics, tables = whole.metrics, whole.tables
    found = []
    if "benchmark" in tables:
        found.append(
            Section(
                title="At the benchmark",
                text="Bias ± standard deviation over realisations of the noise, beside every published result; below, "
                "root mean square error over the best published one, with its 95 % interval: below 1 it is the better. "
                "Values that were scored claim to be unbiased; those of the network alone lean towards the prior.",
                tables=(report, _over_published(metrics, tables["benchmark"], truths)),
                pictures=_pictures(whole, {"benchmark": "Error at the benchmark beside every published method."}),
            )
        )
    over_prior = {
        "error-over-the-prior": "Error over the prior, in slices, against each image's own bound.",
        "error-over-the-posterior": "Error over that of the exact posterior mean, which knows the prior.",
        "predicted-against-true": "Answers against the truth.",
    }
    found += [
        Section(
            title="Over the prior",
            tables=() if "benchmark" in tables else (report,),
            pictures=_pictures(whole, over_prior),
        ),
        Section(
            title="Can its errors be believed?",
            tables=(_coverage(metrics, tables["ranks"], truths),),
            pictures=_pictures(
                whole,
                {"calibration": "Coverage of the intervals, and ranks of the truth among the reported quantiles."},
            ),
        ),
    ]
    if "failures" in tables:
        maps = {name: "" for name in whole.plots if name.startswith("failure-")}
        refused = ""
        if "false_alarms.test" in metrics:
            refused = (
                " The in-domain test (χ² of the image against the answer drawn) refuses "
                f"{_percent(metrics['false_alarms.test'])} of images like the training's, and of others as the last "
                "table says."
            )
        found.append(
            Section(
                title="Limits",
                text="The model can be trusted within these ranges; a service applies the first ones to every request "
                f"by itself.{refused}",
                tables=(_ranges(region["axes"]), _alarms(tables["failures"])),
                pictures=_pictures(whole, {**maps, "real-galaxies": _REAL}),
            )
        )
    return (*found, Section(title="Speed", tables=(_speed(timings),)))


def _pictures(whole: Part, captions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those that were drawn."""
    return tuple((name, caption) for name, caption in captions.items() if name in whole.plots)


def _over_published(metrics: Mapping[str, Metric], benchmark: pd.DataFrame, truths: Sequence[str]) -> Report:
    """For each case RMSE over the best published one, of the model and of its network alone."""
    rows = [
        (
            case,
            method,
            *(
                "{0.value:.2f} [{0.low:.2f}, {0.high:.2f}]".format(
                    metrics[f"{prefix}rmse_over_published.{case}.{truth}"]
                )
                for truth in truths
            ),
        )
        for case in benchmark["name"].unique()
        for method, prefix in (("this model's network alone", "network_"), ("this model", ""))
    ]
    return Report(title="RMSE over the best published", columns=("case", "method", *truths), rows=tuple(rows))


def _coverage(metrics: Mapping[str, Metric], ranks: pd.DataFrame, truths: Sequence[str]) -> Report:
    p_value = ranks.groupby("truth", sort=False)["p_value"].first()
    rows = [
        (
            truth,
            _percent(metrics[f"coverage68.{truth}"]),
            _percent(metrics[f"coverage95.{truth}"]),
            f"{p_value[truth]:.3f}",
        )
        for truth in truths
    ]
    columns = ("parameter", "68 % interval holds", "95 % interval holds", "p of uniform ranks")
    return Report(title="Coverage", columns=columns, rows=tuple(rows))


def _ranges(axes: Mapping[str, Sequence[float] | None]) -> Report:
    rows = [
        (name, f"{limits[0]:.4g}", f"{limits[1]:.4g}") if limits else (name, "nowhere", "")
        for name, limits in axes.items()
    ]
    return Report(title="Trusted", columns=("what", "from", "to"), rows=tuple(rows))


def _alarms(failures: pd.DataFrame) -> Report:
    """For each axis the share of images that the in-domain test refuses, by value."""
    rows = []
    for _, group in failures.groupby("axis", sort=False):
        values = group.drop_duplicates("value")[["value", "alarm"]].itertuples(index=False, name=None)
        said = ", ".join(f"{value:.4g}: {100 * share:.0f} %" for value, share in values)
        rows.append((str(group["label"].iloc[0]), said))
    return Report(title="Refused", columns=("what", "share refused, by value"), rows=tuple(rows))


def _speed(timings: Mapping[str, Metric]) -> Report:
    rows = [
        (name.removeprefix("milliseconds."), f"{metric.value:.2f} [{metric.low:.2f}, {metric.high:.2f}]")
        for name, metric in timings.items()
    ]
    return Report(title="Milliseconds an image", columns=("batch", "median"), rows=tuple(rows))


def _percent(metric: Metric) -> str:
    return f"{100 * metric.value:.1f} % [{100 * metric.low:.1f}, {100 * metric.high:.1f}]"
