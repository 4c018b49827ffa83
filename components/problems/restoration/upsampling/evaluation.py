"""Put together the evidence for a model that makes pictures whole again.

    evaluation = gather(about, cache=folder)

Gains over the picture as it is seen, on the test split and beside baselines without a network; failure maps; speed.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from components.evidence import Array, Measuring, plot_axes, share, time_per_image
from components.evidence.restored import plot_examples, plot_failure, plot_gains
from components.fields import Confirmation, Evaluation, Loss, Metric
from components.problems.restoration.upsampling import sections
from components.problems.restoration.upsampling.baselines import learned_baselines
from components.problems.restoration.upsampling.departures import measure_departures
from components.problems.restoration.upsampling.scores import MEANS, picture_scores

__label__ = "restoration_evaluation"

_FLOOR = 1e-7
"""Of a squared error: 70 dB."""
_BESIDE = ("gain_db", "gain_ssim", "inconsistency")
_TIMED = 64


def gather(about: Measuring) -> Evaluation:
    """All of it."""
    found = about.measure(picture_scores)
    metrics = {name: about.metric(found[name], np.mean) for name in (*MEANS, "psnr.identity", "ssim.identity")}
    metrics["false_alarms.test"] = share(found["alarm"])
    of_baselines, beside = _beside(about, found)
    failures, of_failures = measure_departures(about)
    metrics |= of_baselines | of_failures
    table = pd.DataFrame({**found, **beside})
    report = sections.report(metrics)
    figures = {
        "examples": plot_examples(_chosen(about, found["gain_db"])),
        "gains": plot_gains(table),
        **plot_axes(failures, plot_failure),
    }
    timed = about.examples(_TIMED)[0].inputs
    return Evaluation(
        metrics=metrics,
        timings=time_per_image(about.answer, {name: array.to(about.device) for name, array in timed.items()}),
        headline=(
            "gain_db", "gain_ssim", "psnr", "ssim", "psnr.identity", "gain_db_over.linear", "gain_db_over.bicubic",
            "coverage68", "inconsistency", "false_alarms.test",
        ),
        summary=f"{metrics['gain_db'].value:+.2f} dB and {metrics['gain_ssim'].value:+.3f} SSIM over the picture as it "
        f"is seen, {metrics['gain_db_over.linear'].value:+.2f} dB over a linear filter",
        losses=_losses(found),
        slices=about.slice_of,
        report=report,
        sections=sections.sections(report, metrics, figures),
        tables={"failures": failures, "pictures": table},
        tested_range={"inputs": {}},  # a model knows by itself what it learned from
        plots=figures,
    )  # fmt: skip


def confirmed(about: Measuring) -> Confirmation:
    """What the model loses on the confirmation split."""
    return Confirmation(losses=_losses(about.measure(picture_scores)), slices=about.slice_of)


def _losses(found: dict[str, Array]) -> tuple[Loss, ...]:
    return (Loss(name="squared_error", values=found["mse"], floor=_FLOOR),)


def _beside(about: Measuring, found: dict[str, Array]) -> tuple[dict[str, Metric], dict[str, Array]]:
    """`<score>.<baseline>`, and `gain_db_over.<baseline>`, the model's gain less the baseline's picture by picture."""
    metrics: dict[str, Metric] = {}
    columns: dict[str, Array] = {}
    for name, answer in learned_baselines(about).items():
        quiet = replace(about, answer=answer, progress=lambda count: None)  # noqa: ARG005 - a picture is told of once
        of = quiet.measure(picture_scores)
        metrics |= {f"{score}.{name}": about.metric(of[score], np.mean) for score in _BESIDE}
        metrics[f"gain_db_over.{name}"] = about.metric(found["gain_db"] - of["gain_db"], np.mean)
        columns[f"gain_db.{name}"] = of["gain_db"]
    return metrics, columns


def _chosen(about: Measuring, gain_n: Array) -> dict[str, Any]:
    """The pictures that gain most, least, and as the median, with the answers to them."""
    order = np.argsort(gain_n)
    places = {"best": order[-1], "median": order[len(order) // 2], "worst": order[0]}
    chosen: dict[str, Any] = {}
    for said, place in places.items():
        chosen[f"{said}: {gain_n[place]:+.1f} dB"] = about.shown(about.rows[place : place + 1])
    return chosen
