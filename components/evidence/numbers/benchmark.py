"""The benchmark objects: one fixed truth each, seen under many realisations of the noise, beside published results.

metrics = benchmark_metrics(case, answers, truths, settings)
report = benchmark_report(cases, answers_by_case, truths, units)
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from components.core import EvaluateSettings
from components.evidence.intervals import Array, interval
from components.evidence.numbers.answers import LIKELIHOOD, NETWORK, POSTERIOR, Answers
from components.evidence.numbers.cases import BenchmarkCase
from components.evidence.numbers.yardsticks import BOUND
from components.fields import Metric, Report

__label__ = "benchmark"

OURS = {
    NETWORK: "this model's network alone",
    POSTERIOR: "this model's posterior",
    LIKELIHOOD: "this model's likelihood",
}
"""What tables and pictures call each answer beside published methods."""


def benchmark_metrics(
    case: BenchmarkCase, answers: Answers, truths: Sequence[str], settings: EvaluateSettings
) -> dict[str, Metric]:
    """Bias, sd, RMSE and stated error over the bound, and RMSE over the best published one, of each answer.

    The network alone is measured, too, which states no error that anybody is served.
    """
    metrics: dict[str, Metric] = {}
    if LIKELIHOOD in answers.names:  # 1 when the covariance that it states is right, correlations and all
        chi2 = answers.likelihood_chi2 / len(truths)
        metrics[f"{LIKELIHOOD}.chi2.{case.name}"] = interval(chi2, np.mean, settings.bootstrap, settings.seed)
    for name in (*answers.names, NETWORK):
        errors = answers.errors(name)
        for i, truth in enumerate(truths):
            found = errors.over_bound(i, settings.bootstrap, settings.seed)
            if name != NETWORK:
                stated = answers.error(name)[:, i] / answers.bound[:, i]
                found["stated"] = interval(stated, np.mean, settings.bootstrap, settings.seed)
            metrics |= {f"{name}.{of}_over_{BOUND.key}.{case.name}.{truth}": metric for of, metric in found.items()}
            over = case.bound[i] / case.best_published[i]
            rmse = (found["rmse"].value, found["rmse"].low, found["rmse"].high)
            value, low, high = (over * end for end in rmse)
            metrics[f"{name}.rmse_over_published.{case.name}.{truth}"] = Metric(value=value, low=low, high=high)
    return metrics


def benchmark_table(
    cases: Sequence[BenchmarkCase], answers: Mapping[str, Answers], truths: Sequence[str]
) -> pd.DataFrame:
    """Bias, sd and RMSE of every method at every case: one row a case, method and truth."""
    rows = []
    for case in cases:
        ours = answers[case.name]
        methods: dict[str, tuple[Sequence[float] | Array, Sequence[float] | Array]] = {
            result.method: (result.bias, result.sd) for result in case.published
        }
        methods |= {OURS[name]: _bias_and_sd(ours.errors(name).miss) for name in (NETWORK, *ours.names)}
        for method, (bias, sd) in methods.items():
            rows += [
                {
                    "name": case.name,
                    "case": case.label,
                    "method": method,
                    "truth": truth,
                    "bias": bias[i],
                    "sd": sd[i],
                    "rmse": float(np.hypot(bias[i], sd[i])),
                    "bound": case.bound[i],
                }
                for i, truth in enumerate(truths)
            ]
    return pd.DataFrame(rows)


def benchmark_report(
    cases: Sequence[BenchmarkCase], answers: Mapping[str, Answers], truths: Sequence[str], units: Mapping[str, str]
) -> Report:
    """The table for a person."""
    table = benchmark_table(cases, answers, truths)
    rows: list[tuple[str, ...]] = []
    for case in cases:
        here = table[table["case"] == case.label]
        for method, group in here.groupby("method", sort=False):
            cells = (f"{bias:+.3f} ± {sd:.3f}" for bias, sd in zip(group["bias"], group["sd"], strict=True))
            rows.append((case.label, str(method), *cells))
        rows.append((case.label, "Cramér–Rao bound", *(f"± {bound:.3f}" for bound in case.bound)))
    names = [f"{name}\n[{units[name]}]" if units[name] else name for name in truths]
    return Report(title="bias ± sd at the benchmark", columns=("case", "method", *names), rows=tuple(rows))


def _bias_and_sd(miss: Array) -> tuple[Array, Array]:
    return miss.mean(axis=0), miss.std(axis=0)
