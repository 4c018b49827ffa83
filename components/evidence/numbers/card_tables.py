"""The tables of a card of a model that answers with numbers: a row for each parameter, slice or departure."""

from collections.abc import Mapping, Sequence

import pandas as pd

from components.evidence.numbers.answers import NETWORK, POSTERIOR
from components.evidence.numbers.yardsticks import Yardstick
from components.fields import Metric, Report

__label__ = None

_SAID = {"rmse": "RMSE", "crps": "CRPS"}


def errors_table(
    metrics: Mapping[str, Metric], truths: Sequence[str], answers: Sequence[str], yardstick: Yardstick
) -> Report:
    """Each answer's error and stated error over the test split, and the posterior's over the exact one."""
    known = {name.split(".")[1] for name in metrics if "_over_exact." in name}
    exact = [of for of in ("rmse", "stated", "crps") if f"{of}_over_exact" in known]
    rows = []
    for name in answers:
        for truth in truths:
            cells = [
                metrics[f"{name}.{of}_over_{yardstick.key}.test.{truth}"].said() for of in ("bias", "rmse", "stated")
            ]
            best = (metrics.get(f"{name}.{of}_over_exact.{truth}") for of in exact)
            rows.append((name, truth, *cells, *(metric.said() if metric else "" for metric in best)))
    columns = [f"{quantity} / {yardstick.said}" for quantity in ("bias", "RMSE", "stated")]
    columns += [f"{_SAID.get(of, of)} / exact" for of in exact]
    return Report(title="Errors", columns=("answer", "of", *columns), rows=tuple(rows))


def scores_table(metrics: Mapping[str, Metric]) -> Report:
    """What is said of all parameters together."""
    over_exact = "log score less the exact posterior's [nats]"
    whole = {
        f"{POSTERIOR}.log_score.test": "log score [nats]",
        f"{POSTERIOR}.log_score_over_exact": over_exact,
        "mixture.log_score_over_exact": over_exact,
        "gaussian.log_score_over_exact": over_exact,
        f"{NETWORK}.log_score_over_exact": over_exact,
        f"{POSTERIOR}.effective.test": "draws that count",
        f"{POSTERIOR}.log_score.test_less_fresh": "log score less that of fresh images [nats]",
    }
    rows = [(name.partition(".")[0], said, metrics[name].said()) for name, said in whole.items() if name in metrics]
    return Report(title="Scores", columns=("answer", "of all together", "value"), rows=tuple(rows))


def coverage_table(metrics: Mapping[str, Metric], truths: Sequence[str]) -> Report:
    """What the posterior's intervals hold, and how far its ranks are from uniform: in each slice, and at worst."""
    begin = f"{POSTERIOR}.coverage68."
    slices = dict.fromkeys(name.split(".")[2] for name in metrics if name.startswith(begin) and name.count(".") == 3)
    rows = [
        (
            name,
            truth,
            *(metrics[f"{POSTERIOR}.coverage{percent}.{name}.{truth}"].said(".1%") for percent in (68, 95)),
            metrics[f"{POSTERIOR}.ranks.{name}.{truth}"].said(),
        )
        for name in slices
        for truth in truths
    ]
    worst = (metrics[f"{POSTERIOR}.coverage{percent}.worst"].said(".1%") for percent in (68, 95))
    rows.append(("worst", "", *worst, metrics[f"{POSTERIOR}.ranks.worst"].said()))
    columns = ("images", "parameter", "68 % interval holds", "95 % interval holds", "ranks: farthest from uniform")
    return Report(title="Coverage of the posterior", columns=columns, rows=tuple(rows))


def slopes_table(metrics: Mapping[str, Metric], truths: Sequence[str], answers: Sequence[str]) -> Report:
    """By how much an answer grows where the truth grows by one."""
    rows = [(name, *(metrics[f"{name}.slope.{truth}"].said() for truth in truths)) for name in answers]
    return Report(title="Slope", columns=("answer", *truths), rows=tuple(rows))


def ranges_table(axes: Mapping[str, Sequence[float] | None]) -> Report:
    """From where to where the model is reliable, along each axis."""
    rows = [
        (name, f"{limits[0]:.4g}", f"{limits[1]:.4g}") if limits else (name, "nowhere", "")
        for name, limits in axes.items()
    ]
    return Report(title="Reliable", columns=("what", "from", "to"), rows=tuple(rows))


def refused_table(failures: pd.DataFrame) -> Report:
    """For each axis the share of images that the in-domain test refuses, by value; where known, the most that could."""
    shown = {"alarm": "share refused, by value"}
    if failures["limit_power"].notna().any():
        shown["limit_power"] = "share that the best possible test finds"
    rows = []
    for _, group in failures.groupby("axis", sort=False):
        values = group.drop_duplicates("value")
        rows.append((str(group["label"].iloc[0]), *(_shares(values, column) for column in shown)))
    return Report(title="Refused", columns=("what", *shown.values()), rows=tuple(rows))


def _shares(values: pd.DataFrame, column: str) -> str:
    """Nothing where a share is not known: what a model is told of is no departure."""
    known = values[["value", column]].dropna().itertuples(index=False, name=None)
    return ", ".join(f"{value:.4g}: {100 * share:.0f} %" for value, share in known)


def false_alarms_table(metrics: Mapping[str, Metric]) -> Report:
    """Ordinary images that are said to depart, by slices of the SNR found."""
    begin = "false_alarms."
    rows = [(name.removeprefix(begin), metrics[name].said(".2%")) for name in metrics if name.startswith(begin)]
    return Report(title="Doubted without a reason", columns=("images", "share"), rows=tuple(rows))


def speed_table(timings: Mapping[str, Metric]) -> Report:
    """How long an answer takes, by the size of a batch."""
    rows = [
        (name.removeprefix("milliseconds."), f"{metric.value:.2f} [{metric.low:.2f}, {metric.high:.2f}]")
        for name, metric in timings.items()
    ]
    return Report(title="Milliseconds an image", columns=("batch", "median"), rows=tuple(rows))
