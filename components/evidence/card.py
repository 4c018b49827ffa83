"""The model card: one self-contained HTML page about a model, made from its evaluation (Mitchell et al. 2019).

    write_card(folder, description, result, dataset.manifest)

Everything is in the page: no script, no link to another machine, pictures as data.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.fields import Evaluation, Metric

__label__ = None

CARD = "card.html"
_TEMPLATES = Path(__file__).parent / "templates"
_CAPTIONS = {
    "benchmark": "Error at the benchmark galaxy beside every published method.",
    "error-over-the-prior": "Error over the prior, by SNR, index, radius and PSF.",
    "error-over-the-posterior": "Error over that of the exact posterior mean, which knows the prior.",
    "calibration": "Coverage of the intervals, and ranks of the truth among the reported quantiles.",
    "predicted-against-true": "Answers against the truth.",
}


def write_card(folder: Path, description: Mapping[str, Any], result: Evaluation, dataset: Mapping[str, Any]) -> None:
    """Write the page.

    Args:
        folder: the evaluation's, with its pictures in `plots/`.
        description: the model's, as `models.estimators.saved` keeps it.
        result: its evaluation.
        dataset: manifest of the data that it was evaluated on.
    """
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    pictures = {
        name: (base64.b64encode((folder / "plots" / f"{name}.png").read_bytes()).decode(), _CAPTIONS.get(name, ""))
        for name in result.plots
    }
    page = environment.get_template("model_card.html").render(
        problem=description["problem"],
        weights=description["weights_sha256"],
        git=description["git"],
        estimator=description["estimator"],
        training=description["inputs"]["training"]["settings"],
        history=description["history"],
        scoring=description["scoring"],
        data_key=dataset["key"],
        fingerprint=description["fingerprint"],
        simulation=dataset["inputs"]["settings"],
        report=result.report,
        published=_over_published(result.metrics, result.tables["benchmark"]),
        coverage=_coverage(result.metrics, result.tables["ranks"]),
        posterior=_named(result.metrics, "rmse_over_posterior."),
        speed=_named(result.metrics, "milliseconds."),
        false_alarms=result.metrics["false_alarms.test"],
        region=result.trusted_region,
        alarms=_alarms(result.tables["failures"]),
        pictures=pictures,
    )
    (folder / CARD).write_text(page, encoding="utf-8")


def _coverage(metrics: Mapping[str, Metric], ranks: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "truth": truth,
            "at68": metrics[f"coverage68.{truth}"],
            "at95": metrics[f"coverage95.{truth}"],
            "p_value": float(rows["p_value"].iloc[0]),
        }
        for truth, rows in ranks.groupby("truth", sort=False)
    ]


def _over_published(metrics: Mapping[str, Metric], benchmark: pd.DataFrame) -> list[dict[str, Any]]:
    """For each case RMSE over the best published one, of the model and of its network alone, by truth."""
    truths = list(benchmark["truth"].unique())
    return [
        {
            "case": case,
            "method": method,
            "ratios": [(truth, metrics[f"{prefix}rmse_over_published.{case}.{truth}"]) for truth in truths],
        }
        for case in benchmark["name"].unique()
        for method, prefix in (("this model's network alone", "network_"), ("this model", ""))
    ]


def _named(metrics: Mapping[str, Metric], prefix: str) -> dict[str, Metric]:
    return {name.removeprefix(prefix): metric for name, metric in metrics.items() if name.startswith(prefix)}


def _alarms(failures: pd.DataFrame) -> list[dict[str, Any]]:
    """For each axis the share of images that the in-domain test refuses, by value."""
    return [
        {
            "label": str(rows["label"].iloc[0]),
            "values": list(rows.drop_duplicates("value")[["value", "alarm"]].itertuples(index=False, name=None)),
        }
        for _, rows in failures.groupby("axis", sort=False)
    ]
